package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// File is one capture file as a [Source].
type File struct {
	block  *blockReader
	closer io.Closer
	names  *Interfaces
	reader interface{ next(*Frame) error }
	size   int64
}

var _ Source = (*File)(nil) // type check

// OpenFile opens a capture file in pcap or pcapng format. The interface names of a
// pcapng file are numbered in names, which several files may share; nil means a
// new one.
func OpenFile(path string, names *Interfaces) (*File, error) {
	if names == nil {
		names = new(Interfaces)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening capture: %w", err)
	}
	c, err := newFile(path, f, names)
	if err != nil {
		f.Close()
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		c.size = info.Size()
	}
	c.closer = f
	return c, nil
}

// NewReader returns a source that reads a capture from r; errors call it name.
// Close does not close r. names is as for [OpenFile].
func NewReader(name string, r io.Reader, names *Interfaces) (*File, error) {
	if names == nil {
		names = new(Interfaces)
	}
	return newFile(name, r, names)
}

// newFile chooses the reader by the first four bytes.
func newFile(name string, r io.Reader, names *Interfaces) (*File, error) {
	c := &File{block: newBlockReader(name, r), names: names}
	magic, err := c.block.peek(4)
	if err != nil {
		return nil, c.block.noHeader(err)
	}
	switch le, be := binary.LittleEndian.Uint32(magic), binary.BigEndian.Uint32(magic); {
	case le == blockSection:
		c.reader, err = newNg(c.block, names)
	case isPcap(le) || isPcap(be):
		c.reader, err = newPcap(c.block)
	default:
		err = c.notCapture(magic)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// notCapture returns the error of a file of another kind, which begins with magic.
func (c *File) notCapture(magic []byte) error {
	if head, err := c.block.peek(len("\xfd7zXZ")); err == nil {
		magic = head
	}
	if kind := textmark.Kind(magic); strings.HasSuffix(kind, "; unpack it") {
		return c.block.fault("not a capture file: "+kind, "pcap and pcapng can be read")
	}
	return c.block.fault(fmt.Sprintf("not a capture file: it starts with % x", magic[:4]),
		"pcap and pcapng can be read; `editcap -F pcapng IN OUT` of Wireshark converts most others")
}

// noHeader returns the error for a file that ends inside its header, or err if
// that is a different one.
func (b *blockReader) noHeader(err error) error {
	var format *FormatError
	if errors.Is(err, io.EOF) || errors.As(err, &format) {
		return b.fault("the file is empty or ends inside its header", "was the capture written to its end?")
	}
	return err
}

// Next implements [Source].
func (c *File) Next(f *Frame) error {
	return c.reader.next(f)
}

// Interfaces implements [Source].
func (c *File) Interfaces() *Interfaces { return c.names }

// Stats implements [Source]; a file sets only KernelDrops, as far as it says what was lost when it
// was written, Bytes and Size.
func (c *File) Stats() Stats {
	return Stats{KernelDrops: c.block.lost.Load(), Bytes: c.block.read.Load(), Size: c.size}
}

// Close implements [Source].
func (c *File) Close() error {
	if c.closer == nil {
		return nil
	}
	return c.closer.Close()
}
