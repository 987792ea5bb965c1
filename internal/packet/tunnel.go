package packet

import "encoding/binary"

// PortVXLAN is the UDP destination port that IANA assigned to VXLAN
// (RFC 7348 section 8).
const PortVXLAN = 4789

// tunnel returns the packet inside b and its EtherType if the current header is
// that of a tunnel, and records the outermost header. It returns nil for anything
// else, including a tunnel whose content cannot be metered (cut, a later
// fragment, not IP): then the tunnel itself is the flow.
func (p *Packet) tunnel(b []byte) (inner []byte, etherType uint16) {
	if p.Fragment == FragmentLater {
		return nil, 0
	}
	kind, id := TunnelNone, uint32(0)
	switch p.Proto {
	case ProtoIPv4, ProtoIPv6:
		kind, inner, etherType = TunnelIPIP, b, byVersion(b)
	case ProtoGRE:
		kind = TunnelGRE
		inner, etherType, id = gre(b)
	case ProtoUDP:
		kind = TunnelVXLAN
		inner, etherType, id = vxlan(b)
	}
	if !startsIP(inner, etherType) {
		return nil, 0
	}
	if p.Outer.Kind == TunnelNone {
		if p.OuterFragID = 0; p.Fragment == FragmentFirst {
			p.OuterFragID = p.FragID
		}
		p.Outer = Outer{Src: p.Src, Dst: p.Dst, Kind: kind, Family: p.Family, ID: id, Proto: p.Proto}
		if kind == TunnelVXLAN {
			p.Outer.SrcPort, p.Outer.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		}
	}
	return inner, etherType
}

// startsIP reports whether b starts with a whole IP header. Checking before the
// tunnel is entered lets an unreadable packet inside be metered as its tunnel
// instead of being lost.
func startsIP(b []byte, etherType uint16) bool {
	switch etherType {
	case etherIPv4:
		return len(b) >= 20 && b[0]>>4 == 4 && b[0]&0x0f >= 5 && int(b[0]&0x0f)*4 <= len(b)
	case etherIPv6:
		return len(b) >= 40 && b[0]>>4 == 6
	}
	return false
}

// gre steps over a GRE header (RFC 2784 section 2, RFC 2890 section 2). Version
// 1 (PPTP) and source routes are not entered and are metered as protocol 47.
func gre(b []byte) (inner []byte, etherType uint16, key uint32) {
	if len(b) < 4 {
		return nil, 0, 0
	}
	flags := binary.BigEndian.Uint16(b)
	const checksum, routing, hasKey, sequence, version = 0x8000, 0x4000, 0x2000, 0x1000, 0x0007
	if flags&(version|routing) != 0 {
		return nil, 0, 0
	}
	offset := 4
	if flags&checksum != 0 {
		offset += 4
	}
	if flags&hasKey != 0 {
		if len(b) < offset+4 {
			return nil, 0, 0
		}
		key = binary.BigEndian.Uint32(b[offset:])
		offset += 4
	}
	if flags&sequence != 0 {
		offset += 4
	}
	if len(b) < offset {
		return nil, 0, 0
	}
	etherType, inner = binary.BigEndian.Uint16(b[2:]), b[offset:]
	if etherType == etherTEB {
		inner, etherType = innerEthernet(inner)
	}
	return inner, etherType, key
}

// vxlan steps over the UDP, VXLAN and inner Ethernet headers if the destination
// port and the flags are those of VXLAN (RFC 7348 section 5).
func vxlan(b []byte) (inner []byte, etherType uint16, vni uint32) {
	if len(b) < 8+8+14 || binary.BigEndian.Uint16(b[2:]) != PortVXLAN || b[8]&0x08 == 0 {
		return nil, 0, 0
	}
	inner, etherType = innerEthernet(b[16:])
	return inner, etherType, binary.BigEndian.Uint32(b[12:]) >> 8
}

// innerEthernet steps over an Ethernet header and at most one VLAN tag inside a
// tunnel. Inner MACs and tags are not kept: the Packet has those of the frame on
// the wire.
func innerEthernet(b []byte) ([]byte, uint16) {
	if len(b) < 14 {
		return nil, 0
	}
	etherType, b := binary.BigEndian.Uint16(b[12:]), b[14:]
	if etherType == etherVLAN && len(b) >= 4 {
		etherType, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	return b, etherType
}
