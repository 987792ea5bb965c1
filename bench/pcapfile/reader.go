package pcapfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrFormat is returned for a file that is not a classic pcap file or that is
// damaged. What was read before the damage is valid.
var ErrFormat = errors.New("pcapfile: bad format")

// Record is one captured frame.
type Record struct {
	// Data is the captured part of the frame. It is valid until the next call
	// of [Reader.Next].
	Data []byte

	// OrigLen is the length that the frame had on the wire.
	OrigLen int

	// Micros is the time of capture in microseconds since the Unix epoch.
	Micros int64
}

// Reader reads a classic pcap file of either byte order and either timestamp
// resolution. It is not safe for concurrent access.
type Reader struct {
	// LinkType is the link type of all frames of the file.
	LinkType uint32

	r     *bufio.Reader
	order binary.ByteOrder
	buf   []byte
	nano  bool
}

// NewReader reads the file header from r. It returns an error wrapping
// [ErrFormat] if r is no classic pcap file.
func NewReader(r io.Reader) (*Reader, error) {
	br := bufio.NewReaderSize(r, bufferLen)

	var hdr [fileHeaderLen]byte
	if _, err := io.ReadFull(br, hdr[:]); err != nil {
		return nil, fmt.Errorf("%w: file header: %v", ErrFormat, err)
	}

	p := &Reader{r: br, order: binary.LittleEndian}
	magic := p.order.Uint32(hdr[:])
	if magic != magicMicro && magic != magicNano {
		p.order = binary.BigEndian
		magic = p.order.Uint32(hdr[:])
	}

	if magic != magicMicro && magic != magicNano {
		return nil, fmt.Errorf("%w: magic number %#x", ErrFormat, magic)
	}

	p.nano = magic == magicNano
	// The upper bits may hold the length of the frame check sequence.
	p.LinkType = p.order.Uint32(hdr[20:]) & 0xffff

	return p, nil
}

// Next returns the next record, io.EOF at the end of the file, or an error
// wrapping [ErrFormat] if the rest of the file cannot be used.
func (r *Reader) Next() (rec Record, err error) {
	var hdr [recordHeaderLen]byte
	if _, err = io.ReadFull(r.r, hdr[:]); err == io.EOF {
		return rec, io.EOF
	} else if err != nil {
		return rec, fmt.Errorf("%w: record header: %v", ErrFormat, err)
	}

	sec, frac := r.order.Uint32(hdr[0:]), r.order.Uint32(hdr[4:])
	n, orig := r.order.Uint32(hdr[8:]), r.order.Uint32(hdr[12:])
	if n > MaxSnapLen {
		return rec, fmt.Errorf("%w: record of %d bytes", ErrFormat, n)
	}

	if r.nano {
		frac /= 1000
	}

	if cap(r.buf) < int(n) {
		r.buf = make([]byte, n)
	}

	data := r.buf[:n]
	if _, err = io.ReadFull(r.r, data); err != nil {
		return rec, fmt.Errorf("%w: record of %d bytes: %v", ErrFormat, n, err)
	}

	const perSecond = 1_000_000

	return Record{Data: data, OrigLen: int(orig), Micros: int64(sec)*perSecond + int64(frac)}, nil
}

// Count returns the number of packets in the file called name and the sum of
// their captured lengths. Reading the whole file has the wanted side effect
// that it is in the page cache afterwards.
func Count(name string) (packets, bytes int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	r, err := NewReader(f)
	if err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", name, err)
	}

	for {
		rec, err := r.Next()
		if err == io.EOF {
			return packets, bytes, nil
		} else if err != nil {
			return packets, bytes, fmt.Errorf("reading %s after %d packets: %w", name, packets, err)
		}

		packets++
		bytes += int64(len(rec.Data))
	}
}

// Create writes a capture file called name by calling fill. The file appears
// under its name only when it is complete.
func Create(name string, fill func(w *Writer) error) (err error) {
	tmp := name + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()

	w, err := NewWriter(f)
	if err == nil {
		err = fill(w)
	}

	if err == nil {
		err = w.Flush()
	}

	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", tmp, err)
	}

	return os.Rename(tmp, name)
}
