package capture

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// maxRecord bounds one record of a file, in bytes. The limit of libpcap is 256 KiB;
// frames joined by segmentation offload may be larger.
const maxRecord = 1 << 20

// readSize, in bytes, is how much is read at once: large enough to make the cost
// of the call negligible, small enough to stay in a core's second-level cache.
const readSize = 256 << 10

// FormatError describes a fault of a capture file and where it is.
type FormatError struct {
	File   string
	Offset int64 // bytes from the start of the file
	What   string
	Hint   string // advice to the user; may be empty
}

// Error implements error.
func (e *FormatError) Error() string {
	text := fmt.Sprintf("%s: offset %d: %s", e.File, e.Offset, e.What)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// blockReader returns consecutive bytes of a file from its buffer.
type blockReader struct {
	name   string
	r      io.Reader
	buf    []byte
	lo, hi int   // unread bytes are buf[lo:hi]
	offset int64 // of buf[lo] in the file
	read   atomic.Int64
	lost   atomic.Uint64 // packets, as the file says
}

// newBlockReader returns a reader at offset 0.
func newBlockReader(name string, r io.Reader) *blockReader {
	return &blockReader{name: name, r: r, buf: make([]byte, readSize)}
}

// peek returns the next n bytes without consuming them. It returns io.EOF at the
// end of the file, and a FormatError if fewer than n bytes are left.
func (b *blockReader) peek(n int) ([]byte, error) {
	if b.hi-b.lo >= n {
		return b.buf[b.lo : b.lo+n], nil
	}
	return b.fill(n)
}

// buffered returns the next bytes, as far as they are in the buffer.
func (b *blockReader) buffered() []byte { return b.buf[b.lo:b.hi] }

// fill reads until n bytes are in the buffer.
func (b *blockReader) fill(n int) ([]byte, error) {
	b.makeRoom(n)
	for b.hi < n {
		m, err := b.r.Read(b.buf[b.hi:])
		b.hi += m
		b.read.Add(int64(m))
		if err != nil && b.hi < n {
			return nil, b.short(err, n)
		}
	}
	return b.buf[:n], nil
}

// makeRoom moves the unread bytes to the front and grows the buffer to hold n.
func (b *blockReader) makeRoom(n int) {
	rest := b.buf[b.lo:b.hi]
	if n > len(b.buf) {
		b.buf = make([]byte, n+readSize)
	}
	b.hi = copy(b.buf, rest)
	b.lo = 0
}

// short returns the error for fewer than n bytes, given the error of the read.
func (b *blockReader) short(err error, n int) error {
	switch {
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("reading %s at offset %d: %w", b.name, b.offset+int64(b.hi), err)
	case b.hi == 0:
		return io.EOF
	}
	return b.fault(fmt.Sprintf("the file ends inside a record: %d of %d bytes are there", b.hi, n),
		"the packets before it were read; the writer was probably killed")
}

// skip consumes n bytes that peek has returned.
func (b *blockReader) skip(n int) {
	b.lo += n
	b.offset += int64(n)
}

// discard consumes n bytes, which may be more than fit into the buffer.
func (b *blockReader) discard(n int64) error {
	for n > 0 {
		m := int(min(n, readSize))
		if _, err := b.peek(m); err != nil {
			if errors.Is(err, io.EOF) {
				err = b.fault("the file ends inside a record", "the packets before it were read")
			}
			return err
		}
		b.skip(m)
		n -= int64(m)
	}
	return nil
}

// fault returns an error for the current offset.
func (b *blockReader) fault(what, hint string) error {
	return &FormatError{File: b.name, Offset: b.offset, What: what, Hint: hint}
}
