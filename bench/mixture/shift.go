package mixture

import "encoding/binary"

// EtherTypes.
const (
	typeIPv4 = 0x0800
	typeVLAN = 0x8100
	typeQinQ = 0x88a8
	typeIPv6 = 0x86dd
)

// IP protocol numbers.
const (
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// shift moves the IP addresses of an Ethernet frame to the networks of
// repetition r and corrects the checksums. Repetition 0 and frames that are not
// IP stay as they are.
func shift(frame []byte, r byte) {
	if r == 0 {
		return
	}

	at := 12
	for len(frame) >= at+2 {
		switch binary.BigEndian.Uint16(frame[at:]) {
		case typeVLAN, typeQinQ:
			at += 4
		case typeIPv4:
			shift4(frame[at+2:], r)

			return
		case typeIPv6:
			shift6(frame[at+2:], r)

			return
		default:
			return
		}
	}
}

// shift4 changes the second octet of both addresses of an IPv4 packet.
func shift4(p []byte, r byte) {
	if len(p) < 20 || p[0]>>4 != 4 {
		return
	}

	// The second octet is the lower half of a 16-bit word of the checksum.
	var fix delta
	for _, addr := range [2][]byte{p[12:16], p[16:20]} {
		if addr[0] == 0 || addr[0] >= 224 {
			continue // unspecified, multicast, broadcast
		}

		fix.add(addr[1], addr[1]^r)
		addr[1] ^= r
	}

	fix.apply(p, 10)

	// Only the first fragment has a transport header.
	if n := int(p[0]&0x0f) * 4; n >= 20 && n <= len(p) && binary.BigEndian.Uint16(p[6:])&0x1fff == 0 {
		fix.transport(p[n:], p[9])
	}
}

// shift6 changes the eighth octet of both addresses of an IPv6 packet.
func shift6(p []byte, r byte) {
	if len(p) < 40 || p[0]>>4 != 6 {
		return
	}

	var fix delta
	for _, addr := range [2][]byte{p[8:24], p[24:40]} {
		if addr[0] == 0 || addr[0] == 0xff {
			continue // unspecified, mapped, multicast
		}

		fix.add(addr[7], addr[7]^r)
		addr[7] ^= r
	}

	fix.transport(p[40:], p[6])
}

// delta is the change of an Internet checksum: see RFC 1624, equation 3.
type delta uint32

// add notes that the lower octet of a 16-bit word changed.
func (d *delta) add(from, to byte) {
	*d += delta(uint32(^uint16(from)) + uint32(to))
}

// apply corrects the checksum field of p at the given offset.
func (d *delta) apply(p []byte, at int) {
	if len(p) < at+2 {
		return
	}

	s := uint32(^binary.BigEndian.Uint16(p[at:])) + uint32(*d)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}

	binary.BigEndian.PutUint16(p[at:], ^uint16(s))
}

// transport corrects the checksum of a transport header, if the protocol has
// one that covers the addresses.
func (d *delta) transport(p []byte, proto byte) {
	switch proto {
	case protoTCP:
		d.apply(p, 16)
	case protoICMPv6:
		d.apply(p, 2)
	case protoUDP:
		// 0 means that there is no checksum.
		if len(p) >= 8 && binary.BigEndian.Uint16(p[6:]) != 0 {
			d.apply(p, 6)
		}
	}
}
