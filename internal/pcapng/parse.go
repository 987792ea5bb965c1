package pcapng

import (
	"bytes"
	"fmt"
	"net/netip"
)

// Packet parses an enhanced packet into p, whose Data is then a part of the block's
// Body. The time is taken to be in nanoseconds, as this package writes it.
func (b *Block) Packet(p *Packet) error {
	if b.Type != TypePacket || len(b.Body) < 20 {
		return fmt.Errorf("%w at %d: no packet", ErrDamaged, b.Offset)
	}
	n := b.Order.Uint32(b.Body[12:])
	if uint64(n) > uint64(len(b.Body)-20) {
		return fmt.Errorf("%w at %d: a packet of %d bytes in a block of %d", ErrDamaged, b.Offset, n, b.Length)
	}
	*p = Packet{
		Interface: b.Order.Uint32(b.Body),
		At:        b.time(b.Body[4:]),
		Length:    b.Order.Uint32(b.Body[16:]),
		Data:      b.Body[20 : 20+n : 20+n],
	}
	for code, value := range b.options(20 + int(n+3)&^3) {
		switch {
		case code == optFlags && len(value) == 4:
			p.Flags = b.Order.Uint32(value)
		case code == optDropCount && len(value) == 8:
			p.Dropped = b.Order.Uint64(value)
		case code == optComment:
			p.Comment = string(value)
		}
	}
	return nil
}

// Stats parses statistics.
func (b *Block) Stats(s *Stats) error {
	if b.Type != TypeStats || len(b.Body) < 12 {
		return fmt.Errorf("%w at %d: no statistics", ErrDamaged, b.Offset)
	}
	*s = Stats{Interface: b.Order.Uint32(b.Body), At: b.time(b.Body[4:])}
	for code, value := range b.options(12) {
		switch {
		case code == optComment:
			s.Comment = string(value)
		case len(value) != 8:
		case code == optStart:
			s.Start = b.time(value)
		case code == optEndTime:
			s.End = b.time(value)
		case code == optReceived:
			s.Received, s.Counted = b.Order.Uint64(value), true
		case code == optDrop:
			s.Dropped = b.Order.Uint64(value)
		}
	}
	return nil
}

// time returns a time of which the upper half comes first.
func (b *Block) time(raw []byte) int64 {
	return int64(uint64(b.Order.Uint32(raw))<<32 | uint64(b.Order.Uint32(raw[4:])))
}

// Interface parses the description of an interface.
func (b *Block) Interface(i *Interface) error {
	if b.Type != TypeInterface || len(b.Body) < 8 {
		return fmt.Errorf("%w at %d: no interface", ErrDamaged, b.Offset)
	}
	*i = Interface{LinkType: b.Order.Uint16(b.Body)}
	for code, value := range b.options(8) {
		switch code {
		case optComment:
			i.Comment = string(value)
		case optIfName:
			i.Name = string(value)
		case optIfDescription:
			i.Description = string(value)
		case optIfFilter:
			if len(value) > 0 && value[0] == 0 {
				i.Filter = string(value[1:])
			}
		}
	}
	return nil
}

// Section parses the header of a section.
func (b *Block) Section(s *Section) error {
	if b.Type != TypeSection || len(b.Body) < 16 {
		return fmt.Errorf("%w at %d: no section", ErrDamaged, b.Offset)
	}
	*s = Section{}
	for code, value := range b.options(16) {
		switch code {
		case optComment:
			s.Comment = string(value)
		case optProgram:
			s.Program = string(value)
		}
	}
	return nil
}

// options yields code and value of the options from an offset of the body on, up to
// the first that is not whole.
func (b *Block) options(at int) func(func(uint16, []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for at <= len(b.Body)-4 {
			code, n := b.Order.Uint16(b.Body[at:]), int(b.Order.Uint16(b.Body[at+2:]))
			if code == optEnd || n > len(b.Body)-at-4 || !yield(code, b.Body[at+4:at+4+n]) {
				return
			}
			at += 4 + (n+3)&^3
		}
	}
}

// Names returns the addresses and names of a block of names, 65,536 at most.
func (b *Block) Names() (names []Name) {
	if b.Type != TypeNames {
		return nil
	}
	for at := 0; at <= len(b.Body)-4 && len(names) < 1<<16; {
		kind, n := b.Order.Uint16(b.Body[at:]), int(b.Order.Uint16(b.Body[at+2:]))
		if kind == 0 || n > len(b.Body)-at-4 {
			break
		}
		if name, ok := nameOf(kind, b.Body[at+4:at+4+n]); ok {
			names = append(names, name)
		}
		at += 4 + (n+3)&^3
	}
	return names
}

// nameOf returns the first name of a record.
func nameOf(kind uint16, value []byte) (n Name, ok bool) {
	size := map[uint16]int{1: 4, 2: 16}[kind]
	if size == 0 || len(value) < size {
		return n, false
	}
	n.Addr, _ = netip.AddrFromSlice(value[:size])
	text, _, ok := bytes.Cut(value[size:], []byte{0})
	n.Name = string(text)
	return n, ok
}
