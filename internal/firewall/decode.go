package firewall

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// errorHeader is the length of the header of an ICMP error, before the packet
// that it is about (RFC 792, RFC 4443).
const errorHeader = 8

// Decode fills o from a packet that begins with its IP header. Of a tunnel it takes
// the outside: that is what a firewall has judged. It reports false where the
// packet cannot be read. It does not keep data.
func (o *Observation) Decode(data []byte) bool {
	var p packet.Packet
	if p.Decode(packet.LinkRaw, data) != packet.OK {
		return false
	}
	o.Length = length(data)
	o.DecodeError(&p, data) // that it is none makes no difference here
	return true
}

// DecodeError fills o from an ICMP error that was decoded from a frame. It reports
// false where p is none, or the packet inside cannot be read.
func (o *Observation) DecodeError(p *packet.Packet, frame []byte) bool {
	o.Tuple = tupleOf(p)
	if o.Unreachable() {
		o.Inner, o.HasInner = inner(p.Transport(frame))
	}
	return o.HasInner
}

// inner reads the packet that an ICMP error is about. Mostly it is cut behind the
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
		t.SrcPort = 0 // as where the tunnel was looked into: an error holds too little for that
	}
	if p.IsICMP() && p.HasL4 {
		t.ICMPType, t.ICMPCode, t.ICMPID = p.ICMPType, p.ICMPCode, p.ICMPID
	}
	return t
}

// tunnelProto returns the protocol on the outside.
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

// length returns the length that an IP header states.
func length(data []byte) uint32 {
	if len(data) < 6 {
		return 0
	}
	if data[0]>>4 == 6 {
		return 40 + uint32(data[4])<<8 + uint32(data[5])
	}
	return uint32(data[2])<<8 + uint32(data[3])
}

// Family returns 4 or 6, 0 where the tuple has no addresses.
func (t *Tuple) Family() uint8 {
	_, family := packet.AddrFrom(t.Src)
	return family
}

// Endpoints returns both sides, without ports where the protocol has none.
func (t *Tuple) Endpoints() (src, dst netip.AddrPort) {
	return netip.AddrPortFrom(t.Src, t.SrcPort), netip.AddrPortFrom(t.Dst, t.DstPort)
}
