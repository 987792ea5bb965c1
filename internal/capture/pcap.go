package capture

import (
	"encoding/binary"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Magic numbers of the classic capture file, in the reader's byte order
// (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html).
const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
)

// pcapReader reads the classic format.
type pcapReader struct {
	*blockReader
	big  bool
	unit int64 // nanoseconds per unit of the fraction field
	link packet.Link
}

// newPcap reads the file header.
func newPcap(b *blockReader) (*pcapReader, error) {
	h, err := b.peek(24)
	if err != nil {
		return nil, b.noHeader(err)
	}
	p := &pcapReader{blockReader: b, unit: 1000}
	if m := binary.BigEndian.Uint32(h); m == magicMicro || m == magicNano {
		p.big = true
	}
	if p.u32(h) == magicNano {
		p.unit = 1
	}
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

// next reads one record.
func (p *pcapReader) next(f *Frame) error {
	h, err := p.peek(16)
	if err != nil {
		return err
	}
	captured, wire := p.u32(h[8:]), p.u32(h[12:])
	if captured > maxRecord {
		return p.fault(fmt.Sprintf("a record claims %d bytes", captured),
			"the file is damaged from here on; the packets before it were read")
	}
	sec, frac := p.u32(h), p.u32(h[4:])
	b, err := p.peek(16 + int(captured))
	if err != nil {
		return err
	}
	p.skip(16 + int(captured))
	f.Data = b[16:]
	f.Time = int64(sec)*1e9 + int64(frac)*p.unit
	f.Length = max(wire, captured)
	f.Iface, f.Direction, f.Link = 0, packet.DirectionUnknown, p.link
	return nil
}
