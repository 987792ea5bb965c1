package packet

import "encoding/binary"

// ipv4 reads an IPv4 header (RFC 791 section 3.1) and returns what follows it.
// The total length is not compared with what was captured: segmentation offload
// leaves it 0 or short, and the wire length is what gets metered.
func (p *Packet) ipv4(b []byte) ([]byte, Status) {
	if len(b) < 20 {
		return nil, Truncated
	}
	header := int(b[0]&0x0f) * 4
	if b[0]>>4 != 4 || header < 20 {
		return nil, Malformed
	}
	if header > len(b) {
		return nil, Truncated
	}
	p.Family, p.Proto = 4, b[9]
	setAddr4(&p.Src, b[12:16])
	setAddr4(&p.Dst, b[16:20])
	p.fragment4(b)
	return b[header:cut(b, int(binary.BigEndian.Uint16(b[2:])), header)], OK
}

// cut returns where the packet ends in b: at its own length if that is credible,
// so that Ethernet padding is not taken for a transport header, else at the end
// of b.
func cut(b []byte, length, header int) int {
	if length < header || length > len(b) {
		return len(b)
	}
	return length
}

// setAddr4 sets a to an IPv4 address. Built elsewhere and copied, it would be read before
// the core has stored it, which takes longer than the rest of the header.
func setAddr4(a *Addr, b []byte) {
	*a = Addr{}
	copy(a[:4], b[:4])
}

// fragment4 reads the fragment fields of an IPv4 header (RFC 791 section 3.1).
func (p *Packet) fragment4(b []byte) {
	field := binary.BigEndian.Uint16(b[6:])
	p.setFragment(field&0x1fff<<3, field&0x2000 != 0, uint32(binary.BigEndian.Uint16(b[4:])))
}

// setFragment sets the fragment fields. offset is in bytes.
func (p *Packet) setFragment(offset uint16, more bool, id uint32) {
	p.FragOffset, p.FragMore = offset, more
	switch {
	case offset != 0:
		p.Fragment, p.FragID = FragmentLater, id
	case more:
		p.Fragment, p.FragID = FragmentFirst, id
	default:
		p.Fragment, p.FragID = FragmentNone, 0
	}
}

// ipv6 reads an IPv6 header (RFC 8200 section 3) and its extension headers, and
// returns what follows them.
func (p *Packet) ipv6(b []byte) ([]byte, Status) {
	if len(b) < 40 {
		return nil, Truncated
	}
	if b[0]>>4 != 6 {
		return nil, Malformed
	}
	p.Family = 6
	p.Src, p.Dst = Addr(b[8:24]), Addr(b[24:40])
	p.setFragment(0, false, 0)
	end := cut(b, 40+int(binary.BigEndian.Uint16(b[4:])), 41)
	p.Proto = b[6]
	return p.extensions(b[40:end]), OK
}

// The IPv6 extension headers (IANA "IPv6 Extension Header Types").
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extAuth        = 51
	extDestination = 60
	extMobility    = 135
	extHIP         = 139
	extShim6       = 140
)

// extensions walks the chain of extension headers and leaves the protocol of
// the first other header in p.Proto. If the chain is cut, or longer than any real
// one, p.Proto is the last type that was read and the packet still counts.
func (p *Packet) extensions(b []byte) []byte {
	for i := 0; i < 8; i++ {
		length := 0
		switch p.Proto {
		case extHopByHop, extRouting, extDestination, extMobility, extHIP, extShim6:
			if len(b) >= 2 {
				length = int(b[1])*8 + 8
			}
		case extFragment:
			length = p.fragment6(b)
		case extAuth:
			if len(b) >= 2 {
				length = int(b[1])*4 + 8
			}
		default:
			return b
		}
		if length == 0 || length > len(b) {
			return nil
		}
		p.Proto, b = b[0], b[length:]
		if p.Fragment == FragmentLater {
			return b
		}
	}
	return nil
}

// fragment6 reads a fragment header (RFC 8200 section 4.5) and returns its
// length, 0 if it is cut. An atomic fragment (RFC 6946) is a whole packet.
func (p *Packet) fragment6(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	field := binary.BigEndian.Uint16(b[2:])
	p.setFragment(field&0xfff8, field&1 != 0, binary.BigEndian.Uint32(b[4:]))
	return 8
}
