package packet

import "encoding/binary"

// transport reads the ports or the ICMP fields of the innermost header. If there
// are too few bytes, HasL4 stays false and the packet is metered without ports.
// TransportAt is provisional until locate.
func (p *Packet) transport(b []byte) {
	if p.Fragment == FragmentLater && len(b) > 0 {
		p.TransportAt, p.TransportLen = uint32(cap(b)), uint32(len(b))
		return
	}
	if p.Fragment == FragmentLater || len(b) < 4 {
		return
	}
	p.TransportAt, p.TransportLen = uint32(cap(b)), uint32(len(b))
	switch p.Proto {
	case ProtoTCP:
		if len(b) >= 14 {
			p.TCPFlags = b[13]
			if p.TCPFlags&SYN != 0 {
				p.SYNSeq = binary.BigEndian.Uint32(b[4:])
			}
		}
		p.ports(b)
	case ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP:
		p.ports(b)
	case ProtoICMP, ProtoICMPv6:
		p.icmp(b)
	}
}

// ports reads the ports, which are the first four bytes of all headers that have
// them.
func (p *Packet) ports(b []byte) {
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.HasL4 = true
}

// icmp reads type and code and, for queries and their answers, the identifier.
func (p *Packet) icmp(b []byte) {
	p.ICMPType, p.ICMPCode, p.HasL4 = b[0], b[1], true
	if _, isQuery := p.ICMPQuery(); isQuery && len(b) >= 6 {
		p.ICMPID = binary.BigEndian.Uint16(b[4:])
	}
}

// ICMPQuery returns the type of the query that the message is or answers, such as
// 8 for echo and echo reply. For a message that is neither it returns the
// message's own type and false. The pairs are those of RFC 792, RFC 950 and RFC
// 4443 that carry an identifier.
func (p *Packet) ICMPQuery() (query uint8, ok bool) {
	t := p.ICMPType
	if p.Proto == ProtoICMPv6 {
		if t == 128 || t == 129 {
			return 128, true
		}
		return t, false
	}
	switch t {
	case 0, 8:
		return 8, true
	case 13, 14, 15, 16, 17, 18: // timestamp, information, address mask
		return (t+1)&^1 - 1, true
	}
	return t, false
}

// IsICMP reports whether the innermost protocol is ICMP of either version.
func (p *Packet) IsICMP() bool {
	return p.Proto == ProtoICMP || p.Proto == ProtoICMPv6
}
