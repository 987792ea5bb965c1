package packet

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

// The EtherTypes of IP headers.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// maxDepth bounds how many tunnels of one frame are entered. Real frames nest
// two or three; a hostile one must not cost more work than that.
const maxDepth = 4

// Decode reads the headers of frame, which starts with a link header of the
// given kind. It neither keeps nor changes frame and does not allocate.
func (p *Packet) Decode(link Link, frame []byte) Status {
	if link == LinkEthernet && p.plain(frame) {
		return OK
	}
	return p.decode(link, frame)
}

// decode reads the headers of any frame.
func (p *Packet) decode(link Link, frame []byte) Status {
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
