package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// fragments remembers the ports of first fragments for the later ones, which
// carry none (RFC 791, RFC 8200 section 4.5). Each interface has a direct-mapped cache of
// fixed size: all that a hostile sender can do is to replace the entries of its own
// interface, and a later fragment without its first is metered in a flow without ports.
type fragments struct {
	slots map[uint32]*[fragmentSlots]fragment // by interface
}

const (
	fragmentSlots = 64
	// fragmentIfaces is the number of interfaces, which come and go, after which all
	// is forgotten: 350 KiB.
	fragmentIfaces = 64
	// fragmentLife is Linux's reassembly timeout for IPv4 in nanoseconds
	// (net.ipv4.ipfrag_time).
	fragmentLife = 30e9
)

// fragment is what the first fragment of a datagram has and the later ones lack.
type fragment struct {
	src, dst         packet.Addr
	id, iface        uint32
	srcPort, dstPort uint16
	icmpID           uint16
	icmpType, code   uint8
	proto            uint8
	expires          int64 // packet time
}

// resolve stores the ports of a first fragment or fills in those of a later one.
func (f *fragments) resolve(p *packet.Packet) {
	h := word(p.Src[:8]) ^ word(p.Dst[:8])*3 ^ word(p.Dst[8:])*5 ^ uint64(p.FragID)*7
	s := &f.at(p.Iface)[h*0x9e3779b97f4a7c15>>58]
	if p.Fragment == packet.FragmentFirst {
		*s = fragment{src: p.Src, dst: p.Dst, id: p.FragID, iface: p.Iface, srcPort: p.SrcPort,
			dstPort: p.DstPort, icmpID: p.ICMPID, icmpType: p.ICMPType, code: p.ICMPCode,
			proto: p.Proto, expires: p.Time + fragmentLife}
		return
	}
	if s.id == p.FragID && s.expires >= p.Time && s.proto == p.Proto && s.iface == p.Iface &&
		s.src == p.Src && s.dst == p.Dst {
		p.SrcPort, p.DstPort, p.ICMPID = s.srcPort, s.dstPort, s.icmpID
		p.ICMPType, p.ICMPCode = s.icmpType, s.code
	}
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
