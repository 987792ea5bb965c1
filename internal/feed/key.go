package feed

import "github.com/qubesbeat/qubesbeat/internal/packet"

// Key identifies the packets that one endpoint sends to another: a flow in the
// sense of RFC 7011, one direction of a conversation. The protocol is not part of
// it.
type Key struct {
	Src, Dst         packet.Addr
	SrcPort, DstPort uint16
	Family           uint8 // 4 or 6
}

// Key returns the flow key of the packet.
func (p *Packet) Key() Key {
	return Key{Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort, Family: p.Family}
}

// Reverse returns the key of the opposite direction.
func (k Key) Reverse() Key {
	return Key{Src: k.Dst, Dst: k.Src, SrcPort: k.DstPort, DstPort: k.SrcPort, Family: k.Family}
}

// Mapped returns the key with its IPv4 addresses in IPv6 form (RFC 4291 section
// 2.5.5.2). A key of IPv6 is returned as it is.
func (k Key) Mapped() Key {
	if k.Family != 4 {
		return k
	}
	for _, a := range []*packet.Addr{&k.Src, &k.Dst} {
		*a = a.Netip(4).As16()
	}
	k.Family = 6
	return k
}
