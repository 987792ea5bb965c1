package firewall

import (
	"cmp"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// errorHeader is the length of the header of an ICMP error, which precedes the packet
// that caused it (RFC 792, RFC 4443).
const errorHeader = 8

// Decode fills o from a packet that begins with its IP header. Of a tunnel it takes the
// outer packet, which is the one that the firewall sees. It reports whether the packet
// could be decoded. It does not retain data.
func (o *Observation) Decode(data []byte) bool {
	var p packet.Packet
	if p.Decode(packet.LinkRaw, data) != packet.OK {
		return false
	}
	o.Length = length(data)
	o.DecodeError(&p, data) // most packets are not ICMP errors
	return true
}

// DecodeError fills o from an ICMP error that was decoded from a frame. It reports
// whether p is such an error and the packet inside could be decoded.
func (o *Observation) DecodeError(p *packet.Packet, frame []byte) bool {
	o.Tuple = tupleOf(p)
	if o.Unreachable() {
		o.Inner, o.HasInner = inner(p.Transport(frame))
	}
	return o.HasInner
}

// inner decodes the packet that caused an ICMP error. It is often truncated after the
// ports.
func inner(message []byte) (t Tuple, ok bool) {
	if len(message) <= errorHeader {
		return t, false
	}
	var p packet.Packet
	if p.Decode(packet.LinkRaw, message[errorHeader:]) != packet.OK {
		return t, false
	}
	return tupleOf(&p), true
}

// tupleOf returns the tuple of a decoded packet.
func tupleOf(p *packet.Packet) Tuple {
	if p.Outer.Kind != packet.TunnelNone {
		f := p.Outer.Family
		t := Tuple{Proto: tunnelProto(p), Src: p.Outer.Src.Netip(f), Dst: p.Outer.Dst.Netip(f)}
		if p.Outer.Kind == packet.TunnelVXLAN {
			t.DstPort = packet.PortVXLAN
		}
		return t
	}
	t := Tuple{Proto: p.Proto, Src: p.Src.Netip(p.Family), Dst: p.Dst.Netip(p.Family), SrcPort: p.SrcPort, DstPort: p.DstPort}
	if t.Proto == packet.ProtoUDP && t.DstPort == packet.PortVXLAN {
		t.SrcPort = 0 // as if the tunnel had been decoded, for which an ICMP error contains too little
	}
	if p.IsICMP() && p.HasL4 {
		t.ICMPType, t.ICMPCode, t.ICMPID = p.ICMPType, p.ICMPCode, p.ICMPID
	}
	return t
}

// tunnelProto returns the protocol of the outer packet.
func tunnelProto(p *packet.Packet) uint8 {
	switch {
	case p.Outer.Kind == packet.TunnelGRE:
		return packet.ProtoGRE
	case p.Outer.Kind == packet.TunnelVXLAN:
		return packet.ProtoUDP
	case p.Family == 6:
		return packet.ProtoIPv6
	}
	return packet.ProtoIPv4
}

// length returns the length of the packet according to its IP header.
func length(data []byte) uint32 {
	if len(data) < 6 {
		return 0
	}
	if data[0]>>4 == 6 {
		return 40 + uint32(data[4])<<8 + uint32(data[5])
	}
	return uint32(data[2])<<8 + uint32(data[3])
}

// compare orders tuples, in an order without a meaning.
func (t *Tuple) compare(o *Tuple) int {
	return cmp.Or(t.Src.Compare(o.Src), t.Dst.Compare(o.Dst), cmp.Compare(t.Proto, o.Proto), cmp.Compare(t.SrcPort, o.SrcPort),
		cmp.Compare(t.DstPort, o.DstPort), cmp.Compare(t.ICMPType, o.ICMPType), cmp.Compare(t.ICMPCode, o.ICMPCode), cmp.Compare(t.ICMPID, o.ICMPID))
}

// Family returns 4 or 6, 0 if the tuple has no addresses.
func (t *Tuple) Family() uint8 {
	_, family := packet.AddrFrom(t.Src)
	return family
}

// Endpoints returns both endpoints, with port 0 if the protocol has none.
func (t *Tuple) Endpoints() (src, dst netip.AddrPort) {
	return netip.AddrPortFrom(t.Src, t.SrcPort), netip.AddrPortFrom(t.Dst, t.DstPort)
}
