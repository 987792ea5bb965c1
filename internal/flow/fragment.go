package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// fragments remembers what first fragments have, ports or a packet in a tunnel, for the later ones,
// which have none (RFC 791, RFC 8200 section 4.5). Each interface has a direct-mapped cache of
// fixed size: all that a hostile sender can do is to replace the entries of its own
// interface, and a later fragment without its first is metered in a flow without ports.
type fragments struct {
	slots map[uint32]*[fragmentSlots]fragment // by interface
}

const (
	fragmentSlots = 64
	// fragmentIfaces is the number of interfaces, which come and go, after which all
	// is forgotten: 850 KiB.
	fragmentIfaces = 64
	// fragmentLife is Linux's reassembly timeout for IPv4 in nanoseconds
	// (net.ipv4.ipfrag_time).
	fragmentLife = 30e9
)

// fragment is what the first fragment of a datagram has and the later ones lack.
type fragment struct {
	src, dst  packet.Addr
	id, iface uint32
	proto     uint8
	tunnel    bool  // the datagram is that of a tunnel
	expires   int64 // packet time
	inside    content
}

// content is what a datagram has: its ports and, if it is that of a tunnel, the packet inside.
type content struct {
	srcPort, dstPort   uint16
	icmpID             uint16
	icmpType, icmpCode uint8
	family, proto      uint8
	src, dst           packet.Addr
	outer              packet.Outer
}

// contentOf returns what a first fragment has.
func contentOf(p *packet.Packet) content {
	return content{srcPort: p.SrcPort, dstPort: p.DstPort, icmpID: p.ICMPID, icmpType: p.ICMPType, icmpCode: p.ICMPCode, family: p.Family,
		proto: p.Proto, src: p.Src, dst: p.Dst, outer: p.Outer}
}

// fill gives a later fragment what the first one has.
func (s *fragment) fill(p *packet.Packet) {
	c := &s.inside
	p.SrcPort, p.DstPort, p.ICMPID, p.ICMPType, p.ICMPCode = c.srcPort, c.dstPort, c.icmpID, c.icmpType, c.icmpCode
	if s.tunnel {
		p.Family, p.Proto, p.Src, p.Dst, p.Outer, p.OuterFragID = c.family, c.proto, c.src, c.dst, c.outer, 0
	}
}

// resolve stores what a first fragment has or fills it in for a later one. The packet in a tunnel may be
// in a fragment, be one, or both.
func (f *fragments) resolve(p *packet.Packet) {
	if p.Outer.Kind != packet.TunnelNone && p.OuterFragID != 0 {
		o := &p.Outer
		*f.slot(p.Iface, &o.Src, &o.Dst, p.OuterFragID) = fragment{src: o.Src, dst: o.Dst, id: p.OuterFragID, iface: p.Iface, proto: o.Proto, tunnel: true,
			expires: p.Time + fragmentLife, inside: contentOf(p)}
	}
	if p.Fragment == packet.FragmentNone {
		return
	}
	s := f.slot(p.Iface, &p.Src, &p.Dst, p.FragID)
	if p.Fragment == packet.FragmentFirst {
		*s = fragment{src: p.Src, dst: p.Dst, id: p.FragID, iface: p.Iface, proto: p.Proto, expires: p.Time + fragmentLife, inside: contentOf(p)}
		return
	}
	if s.id == p.FragID && s.expires >= p.Time && s.proto == p.Proto && s.iface == p.Iface && s.src == p.Src && s.dst == p.Dst {
		s.fill(p)
	}
}

// slot returns the place of a datagram.
func (f *fragments) slot(iface uint32, src, dst *packet.Addr, id uint32) *fragment {
	h := word(src[:8]) ^ word(dst[:8])*3 ^ word(dst[8:])*5 ^ uint64(id)*7
	return &f.at(iface)[h*0x9e3779b97f4a7c15>>58]
}

// at returns the cache of an interface.
func (f *fragments) at(iface uint32) *[fragmentSlots]fragment {
	slots := f.slots[iface]
	if slots == nil {
		if f.slots == nil || len(f.slots) >= fragmentIfaces {
			f.slots = map[uint32]*[fragmentSlots]fragment{}
		}
		slots = new([fragmentSlots]fragment)
		f.slots[iface] = slots
	}
	return slots
}
