package capture

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Block types of the pcapng format
// (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html, section 4).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete, still found in old files
	blockSimple    = 3
	blockStats     = 5
	blockEnhanced  = 6

	byteOrderMagic = 0x1a2b3c4d
)

// maxSectionInterfaces bounds the memory that a section can ask for.
const maxSectionInterfaces = 8192

// ngReader reads pcapng.
type ngReader struct {
	*blockReader
	names  *Interfaces
	big    bool
	ifaces []ngInterface
	last   int64 // time of the last packet, for blocks without a time
}

// newNg reads the first section header.
func newNg(b *blockReader, names *Interfaces) (*ngReader, error) {
	n := &ngReader{blockReader: b, names: names}
	h, err := b.peek(12)
	if err != nil {
		return nil, b.noHeader(err)
	}
	return n, n.section(h)
}

// next reads blocks up to the next packet.
func (n *ngReader) next(f *Frame) error {
	for {
		kind, body, err := n.block()
		if err != nil {
			return err
		}
		found := false
		switch kind {
		case blockInterface:
			err = n.addInterface(body)
		case blockStats:
			n.statistics(body)
		case blockEnhanced:
			found, err = true, n.enhanced(body, f)
		case blockPacket:
			found, err = true, n.obsolete(body, f)
		case blockSimple:
			found, err = true, n.simple(body, f)
		}
		if err != nil {
			return err
		}
		n.skip(len(body) + 12)
		if found {
			n.last = f.Time
			f.Held = n.holdsNext()
			return nil
		}
	}
}

// holdsNext reports whether the next block is in the buffer and has a packet, so that reading
// it moves nothing.
func (n *ngReader) holdsNext() bool {
	h := n.buffered()
	return len(h) >= 12 && n.u32(h) == blockEnhanced && int64(n.u32(h[4:])) <= int64(len(h))
}

// block returns the next block of a kind that is read, without consuming it.
// Other blocks are skipped, whatever their length.
func (n *ngReader) block() (kind uint32, body []byte, err error) {
	for {
		h, err := n.peek(12)
		if err != nil {
			return 0, nil, err
		}
		kind = n.u32(h)
		if kind == blockSection {
			if err := n.section(h); err != nil {
				return 0, nil, err
			}
		}
		length := n.u32(h[4:])
		if length < 12 || length%4 != 0 {
			return 0, nil, n.damaged(fmt.Sprintf("a block claims a length of %d", length))
		}
		switch kind {
		case blockInterface, blockEnhanced, blockPacket, blockSimple, blockStats:
			if length > maxRecord {
				return 0, nil, n.damaged(fmt.Sprintf("a block claims %d bytes", length))
			}
			b, err := n.peek(int(length))
			if err != nil {
				return 0, nil, err
			}
			return kind, b[8 : length-4], nil
		}
		if err := n.discard(int64(length)); err != nil {
			return 0, nil, err
		}
	}
}

// section reads the byte order from a section header and drops the interfaces of
// the section before. It does not consume the block.
func (n *ngReader) section(h []byte) error {
	switch {
	case binary.LittleEndian.Uint32(h[8:]) == byteOrderMagic:
		n.big = false
	case binary.BigEndian.Uint32(h[8:]) == byteOrderMagic:
		n.big = true
	default:
		return n.damaged("a section header without byte order magic")
	}
	v, err := n.peek(16)
	if err != nil {
		return err
	}
	if major, minor := n.u16(v[12:]), n.u16(v[14:]); major != 1 || minor != 0 && minor != 2 {
		return n.fault(fmt.Sprintf("pcapng of version %d.%d", major, minor),
			"only version 1.0 and 1.2 can be read; `editcap -F pcapng IN OUT` may convert it")
	}
	n.ifaces = n.ifaces[:0]
	return nil
}

// damaged returns the error for a file that cannot be read any further.
func (n *ngReader) damaged(what string) error {
	return n.fault(what, "the file is damaged from here on; the packets before it were read")
}

func (n *ngReader) u16(b []byte) uint16 {
	if n.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (n *ngReader) u32(b []byte) uint32 {
	if n.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// enhanced reads an Enhanced Packet Block.
func (n *ngReader) enhanced(b []byte, f *Frame) error {
	if len(b) < 20 {
		return n.damaged("an enhanced packet block that is too short")
	}
	iface, err := n.iface(n.u32(b))
	if err != nil {
		return err
	}
	f.Time = iface.time(uint64(n.u32(b[4:]))<<32 | uint64(n.u32(b[8:])))
	if err := n.data(b[20:], n.u32(b[12:]), n.u32(b[16:]), f); err != nil {
		return err
	}
	iface.fill(f)
	options := b[20+(len(f.Data)+3)&^3:]
	f.Direction = n.direction(options)
	if v := n.option(options, optionDropCount); len(v) == 8 {
		n.lose(iface, uint64(n.i64(v)))
	}
	return nil
}

// direction reads the flags word from a packet's options (section 4.3.1).
func (n *ngReader) direction(options []byte) packet.Direction {
	const flags = 2
	if v := n.option(options, flags); len(v) == 4 {
		switch n.u32(v) & 3 {
		case 1:
			return packet.Inbound
		case 2:
			return packet.Outbound
		}
	}
	return packet.DirectionUnknown
}

// obsolete reads a Packet Block (appendix A).
func (n *ngReader) obsolete(b []byte, f *Frame) error {
	if len(b) < 20 {
		return n.damaged("a packet block that is too short")
	}
	iface, err := n.iface(uint32(n.u16(b)))
	if err != nil {
		return err
	}
	f.Time = iface.time(uint64(n.u32(b[4:]))<<32 | uint64(n.u32(b[8:])))
	f.Direction = packet.DirectionUnknown
	iface.fill(f)
	if drops := n.u16(b[2:]); drops != math.MaxUint16 { // which is for a number that is not known
		n.lose(iface, uint64(drops))
	}
	return n.data(b[20:], n.u32(b[12:]), n.u32(b[16:]), f)
}

// simple reads a Simple Packet Block. It has no time and gets that of the packet
// before.
func (n *ngReader) simple(b []byte, f *Frame) error {
	if len(b) < 4 {
		return n.damaged("a simple packet block that is too short")
	}
	iface, err := n.iface(0)
	if err != nil {
		return err
	}
	wire := n.u32(b)
	captured := min(wire, uint32(len(b)-4))
	if iface.snaplen > 0 {
		captured = min(captured, iface.snaplen)
	}
	f.Time, f.Direction = n.last, packet.DirectionUnknown
	iface.fill(f)
	return n.data(b[4:], captured, wire, f)
}

// data sets the bytes and the length of f from the data of a packet block.
func (n *ngReader) data(b []byte, captured, wire uint32, f *Frame) error {
	if uint64(captured) > uint64(len(b)) {
		return n.damaged(fmt.Sprintf("a packet of %d bytes in a block with room for %d", captured, len(b)))
	}
	f.Data, f.Length = b[:captured], max(wire, captured)
	return nil
}
