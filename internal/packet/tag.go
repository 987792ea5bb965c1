package packet

import "encoding/binary"

// The EtherTypes of what may stand in front of an IP header.
const (
	etherTEB       = 0x6558 // transparent Ethernet bridging, inside GRE
	etherVLAN      = 0x8100
	etherQinQ      = 0x88a8
	etherQinQ91    = 0x9100 // QinQ before 802.1ad, still sent by old switches, like the next two
	etherQinQ92    = 0x9200
	etherQinQ93    = 0x9300
	etherMPLS      = 0x8847
	etherMPLSMulti = 0x8848 // MPLS with a label that the upstream router has assigned (RFC 5332)
	etherPPPoE     = 0x8864
	etherMACsec    = 0x88e5 // IEEE 802.1AE
	etherETag      = 0x893f // IEEE 802.1BR, bridge port extension
	etherVNTag     = 0x8926 // Cisco's predecessor of the E-TAG
	etherITag      = 0x88e7 // IEEE 802.1ah, provider backbone; the customer's MAC addresses follow
	etherFabric    = 0x8903 // Cisco FabricPath; a whole Ethernet frame follows
	etherCMD       = 0x8909 // Cisco MetaData: a security group tag
	etherRTag      = 0xf1c1 // IEEE 802.1CB, frame replication
	etherHSR       = 0x892f // IEC 62439-3
)

// minEtherType is the least EtherType; a smaller number is the length of an 802.3
// frame.
const minEtherType = 0x0600

// snapIP is the header in front of an EtherType in an 802.3 frame (RFC 1042).
var snapIP = [6]byte{0xaa, 0xaa, 3, 0, 0, 0}

// tags steps over VLAN and other tags, MPLS labels, a PPPoE header and SNAP. It returns the
// EtherType of what follows, 0 if that is unknown, and nil if the frame was cut
// inside of a tag.
func (p *Packet) tags(etherType uint16, b []byte) (uint16, []byte) {
	// The bound is generous for real stacks and stops a frame made of tags.
	for i := 0; i < 8; i++ {
		if etherType == etherIPv4 || etherType == etherIPv6 { // first, because most are
			return etherType, b
		}
		switch etherType {
		case etherVLAN, etherQinQ, etherQinQ91, etherQinQ92, etherQinQ93:
			if len(b) < 4 {
				return 0, nil
			}
			p.addVLAN(binary.BigEndian.Uint16(b))
			etherType, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherMPLS, etherMPLSMulti:
			etherType, b = mpls(b)
		case etherPPPoE:
			etherType, b = pppoe(b)
		case etherMACsec:
			etherType, b = macsec(b)
		default:
			size := tagSize(etherType, b)
			if size == 0 {
				return etherType, b
			}
			if len(b) < size+2 {
				return 0, nil
			}
			etherType, b = binary.BigEndian.Uint16(b[size:]), b[size+2:]
		}
	}
	return 0, b
}

// tagSize returns how many bytes of b stand before the next EtherType, 0 if the
// EtherType is not one of a tag of fixed size. The fields of these tags say on
// which port of a switch or on which path a frame is; no flow is kept apart by them.
func tagSize(etherType uint16, b []byte) int {
	switch etherType {
	case etherVNTag, etherRTag, etherHSR:
		return 4
	case etherETag, etherCMD:
		return 6
	case etherITag:
		return 4 + 12
	case etherFabric:
		return 2 + 12
	}
	if etherType < minEtherType && len(b) >= 6 && [6]byte(b) == snapIP {
		return 6
	}
	return 0
}

// macsec steps over a SecTAG (IEEE 802.1AE section 9.3) whose data are not
// encrypted. The check value at the end needs no care, because the length in the IP
// header excludes it.
func macsec(b []byte) (uint16, []byte) {
	const sci, encrypted, changed = 0x20, 0x08, 0x04
	if len(b) < 1 {
		return 0, nil
	}
	size := 6 // control, short length, packet number
	if b[0]&sci != 0 {
		size += 8
	}
	if b[0]&(encrypted|changed) != 0 {
		return 0, b
	}
	if len(b) < size+2 {
		return 0, nil
	}
	return binary.BigEndian.Uint16(b[size:]), b[size+2:]
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

// PushVLAN puts a tag that the kernel has removed from the frame (tag control
// information, RFC 9542 section 2.1) back in front of those that were found.
// Call it after Decode.
func (p *Packet) PushVLAN(tci uint16) {
	p.VLAN[1], p.VLAN[0] = p.VLAN[0], tci&0x0fff
	p.VLANs = min(p.VLANs+1, 2)
}
