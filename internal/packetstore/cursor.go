package packetstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// cursor goes through the packets of a part.
type cursor struct {
	part
	head    head
	names   []pcapng.Name
	file    file
	scanner *pcapng.Scanner // if the segment is read
	window  []byte          // of the file, from base on, if positions are
	base    int64
	match   func(p *pcapng.Packet) bool

	packet pcapng.Packet // valid until next is called
}

// openCursor opens a part. match says which packets are wanted.
func (r *Reader) openCursor(p part, match func(link uint16, p *pcapng.Packet) bool) (*cursor, error) {
	f, err := r.openSegment(p.name)
	if err != nil {
		return nil, err
	}
	c := &cursor{part: p, file: f}
	scan := pcapng.NewScanner(io.NewSectionReader(f, 0, pageSize), 0)
	if c.head, err = parseHead(scan); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for b := new(pcapng.Block); scan.Next(b) == nil; {
		c.names = append(c.names, b.Names()...)
	}
	c.match = func(p *pcapng.Packet) bool { return match(c.head.link, p) }
	if p.scan {
		c.scanner = pcapng.NewScanner(bufio.NewReaderSize(io.NewSectionReader(f, p.place, 1<<40), 1<<18), p.place)
	}
	return c, nil
}

func (c *cursor) close() error { return c.file.Close() }

// next goes to the next packet that is wanted. It returns io.EOF behind the last.
func (c *cursor) next() error {
	for {
		if err := c.step(); err != nil {
			return err
		}
		if c.match(&c.packet) {
			return nil
		}
	}
}

// step goes to the next packet.
func (c *cursor) step() error {
	if !c.scan {
		if len(c.positions) == 0 {
			return io.EOF
		}
		at := int64(c.positions[0]) * 4
		c.positions = c.positions[1:]
		return c.at(at)
	}
	for b := new(pcapng.Block); ; {
		err := c.scanner.Next(b)
		if errors.Is(err, pcapng.ErrDamaged) && (c.open || c.stored.head.blind) {
			return io.EOF // what is behind is being written, or was lost in a crash
		}
		if err != nil {
			return err
		}
		if b.Type == pcapng.TypePacket {
			return b.Packet(&c.packet)
		}
	}
}

// windowSize is how much is read at once where positions are known. The packets of a
// flow are far apart or follow each other closely.
const windowSize = 16 << 10

// at reads the packet at an offset.
func (c *cursor) at(at int64) error {
	b, err := c.bytes(at, pcapng.MinBlock)
	if err != nil {
		return err
	}
	n := le.Uint32(b[4:])
	if n < pcapng.MinBlock || n > pcapng.MaxBlock {
		return c.misled(at)
	}
	if b, err = c.bytes(at, int(n)); err != nil {
		return err
	}
	return c.parse(b, at)
}

// bytes returns n bytes of the file.
func (c *cursor) bytes(at int64, n int) ([]byte, error) {
	if at < c.base || at+int64(n) > c.base+int64(len(c.window)) {
		size := max(n, windowSize)
		c.window = slices.Grow(c.window[:0], size)[:size]
		got, err := c.file.ReadAt(c.window, at)
		c.window, c.base = c.window[:got], at
		if err != nil && err != io.EOF {
			return nil, err
		}
		if got < n {
			return nil, c.misled(at)
		}
	}
	return c.window[at-c.base:][:n], nil
}

// misled returns the error for an index that does not fit its segment.
func (c *cursor) misled(at int64) error {
	return fmt.Errorf("%s: %w: it says that a packet begins at %d, and no packet does", c.name, errIndex, at)
}

// parse parses a block that is a packet.
func (c *cursor) parse(raw []byte, at int64) error {
	b := pcapng.Block{Type: le.Uint32(raw), Offset: at, Length: len(raw), Order: le}
	if len(raw) < 32 || le.Uint32(raw[len(raw)-4:]) != uint32(len(raw)) {
		return c.misled(at)
	}
	b.Body = raw[8 : len(raw)-4]
	return b.Packet(&c.packet)
}
