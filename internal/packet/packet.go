package packet

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IP address in a shape that is cheap to hash and compare: an IPv4
// address is in the first four bytes, the others are zero. It has no family;
// [Packet.Family] has.
type Addr [16]byte

// Netip returns a as a netip.Addr of the given family (4 or 6). It returns the
// zero Addr for any other family.
func (a *Addr) Netip(family uint8) netip.Addr {
	switch family {
	case 4:
		return netip.AddrFrom4([4]byte(a[:4]))
	case 6:
		return netip.AddrFrom16(*a)
	}
	return netip.Addr{}
}

// AddrFrom is the inverse of [Addr.Netip]: it returns the address and its
// family (4, 6, or 0 for the zero netip.Addr). An IPv4-mapped IPv6 address
// stays IPv6, as it is on the wire.
func AddrFrom(ip netip.Addr) (a Addr, family uint8) {
	switch {
	case ip.Is4():
		b := ip.As4()
		copy(a[:], b[:])
		return a, 4
	case ip.Is6():
		return ip.As16(), 6
	}
	return a, 0
}

// Compare orders addresses as unsigned big-endian numbers. It is cheaper than
// bytes.Compare, because most pairs differ in their first eight bytes.
func (a *Addr) Compare(b *Addr) int {
	x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if x == y {
		x, y = binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// Direction is the way in which a frame crossed the interface it was seen on.
type Direction uint8

// The directions of a frame at its observation point, from the point of view of
// the machine that captures: on a Qubes vif, Inbound means sent by the qube and
// Outbound sent to it.
const (
	DirectionUnknown Direction = iota
	Inbound
	Outbound
)

// Opposite returns the direction of what is sent the other way, which is unknown if d is.
func (d Direction) Opposite() Direction {
	if d == DirectionUnknown {
		return d
	}
	return Inbound + Outbound - d
}

// Fragment says whether a packet is a whole datagram or a fragment of one.
type Fragment uint8

// The kinds of fragments. Only FragmentNone and FragmentFirst carry ports.
const (
	FragmentNone Fragment = iota
	FragmentFirst
	FragmentLater
)

// Tunnel is the kind of encapsulation around the metered packet.
type Tunnel uint8

// The encapsulations that Decode looks into.
const (
	TunnelNone  Tunnel = iota
	TunnelIPIP         // IP in IP, protocol 4 or 41 (RFC 2003, RFC 4213)
	TunnelGRE          // RFC 2784, RFC 2890; also with Ethernet inside (protocol 0x6558)
	TunnelVXLAN        // RFC 7348
)

// String returns the name of the encapsulation as events spell it, "" for
// TunnelNone.
func (t Tunnel) String() string {
	switch t {
	case TunnelIPIP:
		return "ipip"
	case TunnelGRE:
		return "gre"
	case TunnelVXLAN:
		return "vxlan"
	}
	return ""
}

// Outer is the outermost IP header of a tunnelled packet. It is valid only if
// Kind is not TunnelNone.
type Outer struct {
	Src, Dst         Addr
	ID               uint32 // GRE key or VXLAN network identifier, 0 if there is none
	SrcPort, DstPort uint16 // VXLAN only
	Kind             Tunnel
	Family           uint8 // 4 or 6
	Proto            uint8 // IANA protocol number
}

// TakeOuter makes p the packet of its tunnel, as if Decode had not looked inside. It
// does nothing if p is in no tunnel.
func (p *Packet) TakeOuter() {
	o := &p.Outer
	if o.Kind == TunnelNone {
		return
	}
	p.Family, p.Proto, p.Src, p.Dst = o.Family, o.Proto, o.Src, o.Dst
	p.SrcPort, p.DstPort, p.HasL4 = o.SrcPort, o.DstPort, o.Proto == ProtoUDP
	p.TCPFlags, p.ICMPType, p.ICMPCode, p.ICMPID = 0, 0, 0, 0
	p.Fragment, p.FragID, p.FragOffset, p.FragMore = FragmentNone, 0, 0, false
	if p.OuterFragID != 0 {
		p.Fragment, p.FragID, p.FragMore = FragmentFirst, p.OuterFragID, true
		p.OuterFragID = 0
	}
	p.TransportAt, p.TransportLen = 0, 0
	o.Kind, o.ID = TunnelNone, 0
}

// Packet holds the decoded headers of one frame. The zero value is ready for
// use; one value serves any number of frames. It is not safe for concurrent
// use.
//
// Time, Length, Iface and Direction belong to the caller. Decode sets all other
// fields, and Direction if the caller has left it unknown and the link header
// gives it (SLL, SLL2). After an outcome other than OK the fields that Decode sets
// are unspecified.
type Packet struct {
	Time      int64  // when the frame was seen, nanoseconds since the Unix epoch
	Length    uint32 // bytes on the wire, link header included
	Iface     uint32 // the observation point, as the capture numbers it
	Direction Direction

	Family   uint8 // 4 or 6
	Proto    uint8 // IANA protocol number of the innermost header
	TCPFlags uint8 // 0 unless Proto is TCP and the flags were captured
	ICMPType uint8 // valid if IsICMP and HasL4
	ICMPCode uint8 // valid if ICMPType is
	Fragment Fragment
	HasL4    bool  // the ports or the ICMP fields were captured
	HasMAC   bool  // SrcMAC and DstMAC are valid
	VLANs    uint8 // how many elements of VLAN are valid, outermost first

	SrcPort, DstPort uint16    // TCP, UDP, UDP-Lite, SCTP and DCCP
	ICMPID           uint16    // identifier of an ICMP query or answer, else 0
	VLAN             [2]uint16 // identifiers, without priority
	SYNSeq           uint32    // sequence number; valid if TCPFlags has SYN
	FragID           uint32    // identification of a fragment's datagram, else 0
	FragOffset       uint16    // bytes of the datagram before this fragment
	FragMore         bool      // further fragments follow
	OuterFragID      uint32    // of a packet in a tunnel: FragID of the outer one if that is a first fragment, else 0

	// TransportAt and TransportLen are the place in the frame of the transport
	// header and all that follows it; see Transport. Both are 0 if no transport
	// header was reached.
	TransportAt, TransportLen uint32

	Src, Dst       Addr
	SrcMAC, DstMAC [6]byte
	Outer          Outer
}

// Transport returns the innermost transport header and its payload, without the
// padding of the link layer; for a later fragment, the bytes after the IP header.
// frame must be the slice that was decoded, and the result is a part of it. The
// result is empty if the frame was cut before the end of the ports.
func (p *Packet) Transport(frame []byte) []byte {
	end := p.TransportAt + p.TransportLen
	return frame[p.TransportAt:end:end]
}

// The IP protocol numbers that have a name here (IANA "Assigned Internet Protocol
// Numbers").
const (
	ProtoICMP    = 1
	ProtoIPv4    = 4
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoDCCP    = 33
	ProtoIPv6    = 41
	ProtoGRE     = 47
	ProtoESP     = 50
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// The bits of [Packet.TCPFlags] (RFC 9293 section 3.1).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)
