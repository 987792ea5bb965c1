package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// byteOrder is the magic number of a section, as the writer's machine stores it.
const byteOrder = 0x1a2b3c4d

// MaxBlock is the length of the longest block that a Scanner takes.
const MaxBlock = 1 << 20

// ErrDamaged is wrapped by all errors of a [Scanner] that are about the file's content.
var ErrDamaged = errors.New("pcapng: damaged")

// Block is one block of a file.
type Block struct {
	Type   uint32
	Offset int64  // in the file
	Length int    // of the whole block, in bytes
	Body   []byte // between the lengths; valid until the next call of Next
	Order  binary.ByteOrder
}

// Scanner reads the blocks of a file one by one, in memory for one block of [MaxBlock]
// bytes at most. It is not safe for concurrent use.
type Scanner struct {
	in     io.Reader
	buf    []byte
	offset int64
	order  binary.ByteOrder
	err    error
}

// NewScanner returns a Scanner of what in has, which begins at a block. offset is where
// in the file that is; if it is not 0, the section is taken to be little-endian.
func NewScanner(in io.Reader, offset int64) *Scanner {
	s := &Scanner{in: in, buf: make([]byte, 4096), offset: offset}
	if offset != 0 {
		s.order = le
	}
	return s
}

// Next reads the next block. It returns io.EOF behind the last one, and an error that
// wraps ErrDamaged, with the offset, if what follows is not a whole block.
func (s *Scanner) Next(b *Block) error {
	if s.err == nil {
		s.err = s.next(b)
	}
	return s.err
}

// Offset returns where the next block begins: behind an error, where the whole blocks end.
func (s *Scanner) Offset() int64 { return s.offset }

func (s *Scanner) next(b *Block) error {
	switch _, err := io.ReadFull(s.in, s.buf[:12]); {
	case err == io.EOF:
		return io.EOF
	case err == io.ErrUnexpectedEOF:
		return s.damage("it ends inside a block")
	case err != nil:
		return fmt.Errorf("reading a block at %d: %w", s.offset, err)
	}
	if le.Uint32(s.buf) == TypeSection {
		if err := s.section(); err != nil {
			return err
		}
	}
	if s.order == nil {
		return s.damage("it does not begin with a section")
	}
	return s.rest(b)
}

// section takes over the byte order of a new section.
func (s *Scanner) section() error {
	switch {
	case le.Uint32(s.buf[8:]) == byteOrder:
		s.order = le
	case binary.BigEndian.Uint32(s.buf[8:]) == byteOrder:
		s.order = binary.BigEndian
	default:
		return s.damage("a section without a byte order")
	}
	return nil
}

// rest reads a block whose first 12 bytes are in the buffer.
func (s *Scanner) rest(b *Block) error {
	kind, n := s.order.Uint32(s.buf), s.order.Uint32(s.buf[4:])
	if n < MinBlock || n > MaxBlock || n&3 != 0 {
		return s.damage(fmt.Sprintf("a block of %d bytes", n))
	}
	if int(n) > len(s.buf) {
		s.buf = append(make([]byte, 0, 2*n), s.buf[:12]...)[:2*n]
	}
	if _, err := io.ReadFull(s.in, s.buf[12:n]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return s.damage("it ends inside a block")
		}
		return fmt.Errorf("reading a block at %d: %w", s.offset, err)
	}
	if s.order.Uint32(s.buf[n-4:n]) != n {
		return s.damage("a block whose two lengths differ")
	}
	*b = Block{Type: kind, Offset: s.offset, Length: int(n), Body: s.buf[8 : n-4], Order: s.order}
	s.offset += int64(n)
	return nil
}

func (s *Scanner) damage(what string) error {
	return fmt.Errorf("%w at %d: %s", ErrDamaged, s.offset, what)
}
