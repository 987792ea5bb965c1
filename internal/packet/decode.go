package packet

import "encoding/binary"

// Status is the outcome of [Packet.Decode].
type Status uint8

// The outcomes of Decode. A frame with any outcome but OK belongs to no IP flow;
// callers count it under the outcome's name.
const (
	OK          Status = iota // an IP packet; the fields are valid
	NonIP                     // no IP inside: ARP, LLDP, 802.3, ...
	Truncated                 // cut before the end of the innermost IP header
	Malformed                 // an impossible version or length field
	Unsupported               // a link type that this package does not read
	statuses                  // the number of outcomes
)

// Statuses is the number of different outcomes, for arrays of counters.
const Statuses = int(statuses)

// String returns the name of the outcome as metrics spell it, "unsupported" for
// any value that is not an outcome.
func (s Status) String() string {
	switch s {
	case OK:
		return "ok"
	case NonIP:
		return "non_ip"
	case Truncated:
		return "truncated"
	case Malformed:
		return "malformed"
	}
	return "unsupported"
}

// The EtherTypes of IP headers and of what may stand in front of one.
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherTEB    = 0x6558 // transparent Ethernet bridging, inside GRE
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherQinQ91 = 0x9100 // QinQ before 802.1ad, still sent by old switches
	etherMPLS   = 0x8847
	etherPPPoE  = 0x8864
)

// maxDepth bounds how many tunnels of one frame are entered. Real frames nest
// two or three; a hostile one must not cost more work than that.
const maxDepth = 4

// Decode reads the headers of frame, which starts with a link header of the
// given kind. It neither keeps nor changes frame and does not allocate.
func (p *Packet) Decode(link Link, frame []byte) Status {
	p.reset()
	var status Status
	switch link {
	case LinkEthernet:
		status = p.ethernet(frame)
	case LinkRaw:
		status = p.raw(frame)
	default:
		status = p.otherLink(link, frame)
	}
	p.locate(frame)
	return status
}

// DecodeNetwork reads a packet that starts with its network header, for
// interfaces without a link header (tun, wireguard), of which the kernel gives
// the EtherType beside the packet. It does not allocate.
func (p *Packet) DecodeNetwork(etherType uint16, data []byte) Status {
	p.reset()
	status := p.network(etherType, data)
	p.locate(data)
	return status
}

// locate turns what transport has stored, the capacity from the start of the
// header on, into an offset from the start of the frame. All slices on the way
// end where the frame's capacity ends, so the difference is the offset; this
// spares every decoder a running position.
func (p *Packet) locate(frame []byte) {
	if p.TransportLen > 0 {
		p.TransportAt = uint32(cap(frame)) - p.TransportAt
	}
}

// reset clears what one frame could leave behind for the next. Addresses and the
// outer ones are written whenever they are valid and need no clearing.
func (p *Packet) reset() {
	p.Fragment = FragmentNone
	p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0
	p.HasL4, p.HasMAC, p.VLANs = false, false, 0
	p.VLAN = [2]uint16{}
	p.SrcPort, p.DstPort, p.ICMPID, p.FragID = 0, 0, 0, 0
	p.FragOffset, p.FragMore = 0, false
	p.TransportAt, p.TransportLen = 0, 0
	p.Outer.Kind, p.Outer.ID = TunnelNone, 0
}

// network walks the chain of tags and IP headers above the link layer until it
// reaches the innermost transport header.
func (p *Packet) network(etherType uint16, b []byte) Status {
	for depth := 0; ; depth++ {
		etherType, b = p.tags(etherType, b)
		var rest []byte
		var status Status
		switch etherType {
		case etherIPv4:
			rest, status = p.ipv4(b)
		case etherIPv6:
			rest, status = p.ipv6(b)
		default:
			if b == nil { // cut inside a tag
				return Truncated
			}
			return NonIP
		}
		if status != OK {
			return status
		}
		if p.Proto == ProtoTCP || depth == maxDepth {
			p.transport(rest)
			return OK
		}
		inner, innerType := p.tunnel(rest)
		if inner == nil {
			p.transport(rest)
			return OK
		}
		etherType, b = innerType, inner
	}
}

// tags steps over VLAN tags, MPLS labels and a PPPoE header. It returns the
// EtherType of what follows, 0 if that is unknown, and nil if the frame was cut
// inside of a tag.
func (p *Packet) tags(etherType uint16, b []byte) (uint16, []byte) {
	// The bound is generous for real stacks and stops a frame made of tags.
	for i := 0; i < 8; i++ {
		switch etherType {
		case etherIPv4, etherIPv6:
			return etherType, b
		case etherVLAN, etherQinQ, etherQinQ91:
			if len(b) < 4 {
				return 0, nil
			}
			p.addVLAN(binary.BigEndian.Uint16(b))
			etherType, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherMPLS:
			etherType, b = mpls(b)
		case etherPPPoE:
			etherType, b = pppoe(b)
		default:
			return etherType, b
		}
	}
	return 0, b
}

// addVLAN records a tag. Only the outermost two are kept, as in packetbeat.
func (p *Packet) addVLAN(tci uint16) {
	if p.VLANs < 2 {
		p.VLAN[p.VLANs] = tci & 0x0fff
		p.VLANs++
	}
}

// mpls pops a label stack (RFC 3032 section 2.1). A label does not name the
// protocol below it, so the first nibble decides, as in routers that balance load.
func mpls(b []byte) (uint16, []byte) {
	for i := 0; i < 8 && len(b) > 4; i++ {
		bottom := b[2]&1 == 1
		b = b[4:]
		if bottom {
			return byVersion(b), b
		}
	}
	if len(b) <= 4 {
		return 0, nil
	}
	return 0, b
}

// pppoe steps over a session header and the PPP protocol (RFC 2516 section 6).
func pppoe(b []byte) (uint16, []byte) {
	if len(b) < 8 {
		return 0, nil
	}
	switch binary.BigEndian.Uint16(b[6:]) {
	case 0x0021:
		return etherIPv4, b[8:]
	case 0x0057:
		return etherIPv6, b[8:]
	}
	return 0, b[8:]
}

// byVersion returns the EtherType that the version nibble of an IP header
// stands for, 0 for any other version.
func byVersion(b []byte) uint16 {
	if len(b) == 0 {
		return 0
	}
	switch b[0] >> 4 {
	case 4:
		return etherIPv4
	case 6:
		return etherIPv6
	}
	return 0
}

// PushVLAN puts a tag that the kernel has removed from the frame (tag control
// information, RFC 9542 section 2.1) back in front of those that were found.
// Call it after Decode.
func (p *Packet) PushVLAN(tci uint16) {
	p.VLAN[1], p.VLAN[0] = p.VLAN[0], tci&0x0fff
	p.VLANs = min(p.VLANs+1, 2)
}
