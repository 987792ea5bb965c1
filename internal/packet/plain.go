package packet

import "encoding/binary"

// Where the headers of a plain frame are, in bytes from its start: Ethernet, IPv4 without options,
// TCP or UDP.
const (
	plainIP    = 14
	plainL4    = plainIP + 20
	plainFlags = plainL4 + 13
	plainLen   = plainFlags + 1 // a UDP datagram has as many with a payload of six bytes
)

// plain decodes a frame that is as nearly all are: TCP or UDP over IPv4 without options, tags,
// tunnels and fragments. It reports false for any other, which it leaves to the general way, and does
// for this one in one look what that does header by header.
func (p *Packet) plain(b []byte) bool {
	if len(b) < plainLen || binary.BigEndian.Uint16(b[12:]) != etherIPv4 || b[plainIP] != 0x45 || binary.BigEndian.Uint16(b[plainIP+6:])&0x3fff != 0 {
		return false
	}
	proto, flags, dstPort := b[plainIP+9], uint8(0), binary.BigEndian.Uint16(b[plainL4+2:])
	end := plainIP + cut(b[plainIP:], int(binary.BigEndian.Uint16(b[plainIP+2:])), plainL4-plainIP)
	switch {
	case end < plainLen:
		return false
	case proto == ProtoTCP:
		if flags = b[plainFlags]; flags&SYN != 0 {
			p.SYNSeq = binary.BigEndian.Uint32(b[plainL4+4:])
		}
	case proto != ProtoUDP || dstPort == PortVXLAN:
		return false
	}
	p.Family, p.Proto, p.TCPFlags = 4, proto, flags
	p.ICMPType, p.ICMPCode, p.Fragment, p.HasL4, p.HasMAC, p.VLANs = 0, 0, FragmentNone, true, true, 0
	p.SrcPort, p.DstPort, p.ICMPID, p.VLAN = binary.BigEndian.Uint16(b[plainL4:]), dstPort, 0, [2]uint16{}
	p.FragID, p.FragOffset, p.FragMore = 0, 0, false
	p.TransportAt, p.TransportLen = plainL4, uint32(end-plainL4)
	setAddr4(&p.Src, b[plainIP+12:plainIP+16])
	setAddr4(&p.Dst, b[plainIP+16:plainIP+20])
	p.DstMAC, p.SrcMAC = [6]byte(b[0:6]), [6]byte(b[6:12])
	p.Outer.Kind, p.Outer.ID = TunnelNone, 0
	return true
}
