package capture

import (
	"encoding/binary"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Magic numbers of the classic capture file, in the reader's byte order
// (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html).
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // of old Linux distributions, with longer headers of records
)

// isPcap reports whether a file starts with one of the magic numbers.
func isPcap(magic uint32) bool {
	return magic == magicMicro || magic == magicNano || magic == magicModified
}

// pcapReader reads the classic format.
type pcapReader struct {
	*blockReader
	big     bool
	unit    int64 // nanoseconds per unit of the fraction field
	header  int   // bytes of the header of a record
	swapped lengths
	link    packet.Link
}

// modifiedHeader is the size of a record's header in a file with magicModified:
// behind the usual 16 bytes it has the interface's index, the EtherType and the packet
// type of the kernel that captured it.
const modifiedHeader = 24

// newPcap reads the file header.
func newPcap(b *blockReader) (*pcapReader, error) {
	h, err := b.peek(24)
	if err != nil {
		return nil, b.noHeader(err)
	}
	p := &pcapReader{blockReader: b, unit: 1000, header: 16, big: isPcap(binary.BigEndian.Uint32(h))}
	switch p.u32(h) {
	case magicNano:
		p.unit = 1
	case magicModified:
		p.header = modifiedHeader
	}
	p.swapped = oldOrder(p.u16(h[4:]), p.u16(h[6:]))
	// The upper bits hold the length of the frame check sequence.
	p.link = packet.Link(p.u32(h[20:]) & 0xffff)
	if !p.link.Supported() {
		return nil, &FormatError{File: b.name, Offset: 20, What: fmt.Sprintf("link type %d is not supported", p.link),
			Hint: linkHint}
	}
	b.skip(24)
	return p, nil
}

const linkHint = "readable are Ethernet, raw IP, null/loopback and Linux cooked captures (SLL, SLL2); " +
	"numbers are explained at https://www.tcpdump.org/linktypes.html"

func (p *pcapReader) u32(b []byte) uint32 {
	if p.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (p *pcapReader) u16(b []byte) uint16 {
	if p.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

// lengths is the order of the two lengths in the header of a record.
type lengths uint8

const (
	capturedFirst lengths = iota
	wireFirst             // before version 2.3, and in files of DG/UX
	eitherFirst           // version 2.3: the captured length is the smaller one
)

// oldOrder returns the order of the lengths in files of a version, as libpcap knows
// it. All files since 1993 are of version 2.4.
func oldOrder(major, minor uint16) lengths {
	switch {
	case major == 2 && minor < 3, major == 543:
		return wireFirst
	case major == 2 && minor == 3:
		return eitherFirst
	}
	return capturedFirst
}

// holdsNext reports whether the next record is in the buffer, so that reading it moves
// nothing.
func (p *pcapReader) holdsNext() bool {
	h := p.buffered()
	if len(h) < p.header {
		return false
	}
	captured, _ := p.sizes(h)
	return int64(p.header)+int64(captured) <= int64(len(h))
}

// sizes reads from a record's header how many bytes were captured of how many.
func (p *pcapReader) sizes(h []byte) (captured, wire uint32) {
	captured, wire = p.u32(h[8:]), p.u32(h[12:])
	if p.swapped == wireFirst || p.swapped == eitherFirst && captured > wire {
		return wire, captured
	}
	return captured, wire
}

// next reads one record.
func (p *pcapReader) next(f *Frame) error {
	h, err := p.peek(p.header)
	if err != nil {
		return err
	}
	captured, wire := p.sizes(h)
	if captured > maxRecord {
		return p.fault(fmt.Sprintf("a record claims %d bytes", captured),
			"the file is damaged from here on; the packets before it were read")
	}
	sec, frac := p.u32(h), p.u32(h[4:])
	b, err := p.peek(p.header + int(captured))
	if err != nil {
		return err
	}
	p.skip(p.header + int(captured))
	f.Data = b[p.header:]
	f.Time = int64(sec)*1e9 + int64(frac)*p.unit
	f.Length = max(wire, captured)
	f.Iface, f.Direction, f.Link = 0, packet.DirectionUnknown, p.link
	f.Held = p.holdsNext()
	return nil
}
