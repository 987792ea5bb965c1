package packet

import "encoding/binary"

// Link is the kind of link header a frame starts with. The numbers are those of
// https://www.tcpdump.org/linktypes.html, so that a capture file's own number
// can be converted.
type Link uint16

// The link types that Decode reads.
const (
	LinkNull     Link = 0   // BSD loopback: address family in the capturing host's byte order
	LinkEthernet Link = 1   // also for 802.11 after the kernel's translation
	LinkRaw12    Link = 12  // DLT_RAW of most systems, as some tools write it
	LinkRaw14    Link = 14  // DLT_RAW of OpenBSD
	LinkRaw      Link = 101 // starts with the IP header
	LinkLoop     Link = 108 // OpenBSD loopback: address family in network order
	LinkSLL      Link = 113 // Linux "cooked" capture, version 1
	LinkIPv4     Link = 228 // starts with an IPv4 header
	LinkIPv6     Link = 229 // starts with an IPv6 header
	LinkSLL2     Link = 276 // Linux "cooked" capture, version 2
)

// Supported reports whether Decode reads frames of this kind.
func (l Link) Supported() bool {
	switch l {
	case LinkNull, LinkEthernet, LinkRaw12, LinkRaw14, LinkRaw, LinkLoop, LinkSLL, LinkIPv4, LinkIPv6, LinkSLL2:
		return true
	}
	return false
}

// ethernet reads an Ethernet II header.
func (p *Packet) ethernet(b []byte) Status {
	if len(b) < 14 {
		return Truncated
	}
	p.DstMAC, p.SrcMAC, p.HasMAC = [6]byte(b[0:6]), [6]byte(b[6:12]), true
	return p.network(binary.BigEndian.Uint16(b[12:]), b[14:])
}

// raw reads a frame that starts with its IP header.
func (p *Packet) raw(b []byte) Status {
	if len(b) == 0 {
		return Truncated
	}
	t := byVersion(b)
	if t == 0 {
		return Malformed
	}
	return p.network(t, b)
}

// otherLink decodes a frame of one of the less common kinds.
func (p *Packet) otherLink(link Link, b []byte) Status {
	switch link {
	case LinkRaw12, LinkRaw14, LinkIPv4, LinkIPv6:
		return p.raw(b)
	case LinkNull, LinkLoop:
		return p.null(b)
	case LinkSLL:
		return p.sll(b)
	case LinkSLL2:
		return p.sll2(b)
	}
	return Unsupported
}

// null reads the loopback header. The number of the address family differs
// between systems (AF_INET6 is 10, 24, 28 or 30), and so does the byte order; the
// version nibble of the IP header does not, so only that is read.
func (p *Packet) null(b []byte) Status {
	if len(b) < 5 {
		return Truncated
	}
	t := byVersion(b[4:])
	if t == 0 {
		return NonIP
	}
	return p.network(t, b[4:])
}

// sll reads a Linux cooked header. Its packet type gives the direction, which a
// plain Ethernet header does not have.
func (p *Packet) sll(b []byte) Status {
	if len(b) < 16 {
		return Truncated
	}
	p.cookedDirection(binary.BigEndian.Uint16(b))
	return p.network(binary.BigEndian.Uint16(b[14:]), b[16:])
}

// sll2 reads a Linux cooked header, version 2.
func (p *Packet) sll2(b []byte) Status {
	if len(b) < 20 {
		return Truncated
	}
	p.cookedDirection(uint16(b[10]))
	return p.network(binary.BigEndian.Uint16(b), b[20:])
}

// cookedDirection sets the direction from a type of packet(7), PACKET_HOST (0) or
// PACKET_OUTGOING (4); a direction that the capture file has given is kept.
func (p *Packet) cookedDirection(pkttype uint16) {
	switch {
	case p.Direction != DirectionUnknown:
	case pkttype == 4:
		p.Direction = Outbound
	case pkttype == 0:
		p.Direction = Inbound
	}
}
