package packet_test

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// transport notes the ports of a layer above IP.
func (w *testimony) transport(l gopacket.Layer) {
	switch l := l.(type) {
	case *layers.TCP:
		if len(l.Contents) >= 14 {
			w.ports(uint16(l.SrcPort), uint16(l.DstPort))
			w.Flags = l.Contents[13]
		}
	case *layers.UDP:
		if len(l.Contents) >= 4 {
			w.ports(uint16(l.SrcPort), uint16(l.DstPort))
		}
	case *layers.UDPLite:
		w.ports(uint16(l.SrcPort), uint16(l.DstPort))
	case *layers.SCTP:
		w.ports(uint16(l.SrcPort), uint16(l.DstPort))
	case *layers.ICMPv4:
		w.Type, w.Code, w.HasL4 = l.TypeCode.Type(), l.TypeCode.Code(), true
	case *layers.ICMPv6:
		w.Type, w.Code, w.HasL4 = l.TypeCode.Type(), l.TypeCode.Code(), true
	}
}

func (w *testimony) ports(src, dst uint16) { w.SrcPort, w.DstPort, w.HasL4 = src, dst, true }

// level takes away what only Decode reads: gopacket stops at the first fragment
// of a datagram, at DCCP, and at a header that is cut.
func (w *testimony) level(s *seen) {
	if !w.HasL4 {
		s.SrcPort, s.DstPort, s.Flags, s.Type, s.Code, s.HasL4 = 0, 0, 0, 0, 0, false
	}
}

// beyond says why a frame cannot be compared that Decode reads further than
// gopacket does.
func (w *testimony) beyond(p *packet.Packet) string {
	last := w.all[len(w.all)-1].LayerType()
	switch {
	case w.Fragment == packet.FragmentFirst && last == gopacket.LayerTypeFragment && p.Outer.Kind != packet.TunnelNone:
		return "gopacket does not look for a tunnel in the first fragment"
	case last == gopacket.LayerTypeDecodeFailure && w.Src.Is6() && w.Proto != p.Proto:
		return "an IPv6 extension header that gopacket cannot read"
	}
	return ""
}
