package packet_test

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The addresses of the packets that are to be metered, and of the tunnels
// around them.
var (
	src4 = netip.MustParseAddr("10.137.0.6")
	dst4 = netip.MustParseAddr("192.0.2.53")
	src6 = netip.MustParseAddr("fd09:24ef:4179::a89:6")
	dst6 = netip.MustParseAddr("2001:db8::53")

	outerSrc4 = netip.MustParseAddr("198.51.100.1")
	outerDst4 = netip.MustParseAddr("198.51.100.2")
	outerSrc6 = netip.MustParseAddr("2001:db8:1::1")
	outerDst6 = netip.MustParseAddr("2001:db8:1::2")
)

func addr(ip netip.Addr) packet.Addr {
	a, _ := packet.AddrFrom(ip)
	return a
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// eth puts an Ethernet II header in front of b.
func eth(etherType uint16, b []byte) []byte {
	return cat(
		[]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, // destination: a Qubes vif
		[]byte{0x00, 0x16, 0x3e, 0x5e, 0x6c, 0x00}, // source: a qube's eth0
		be16(etherType), b)
}

// tag is what follows the type 0x8100 or 0x88a8: control information and the
// next type.
func tag(tci, etherType uint16, b []byte) []byte { return cat(be16(tci), be16(etherType), b) }

// label is one entry of an MPLS stack: label (20), class (3), bottom (1), TTL.
func label(value uint32, bottom uint32, b []byte) []byte {
	return cat(be32(value<<12|bottom<<8|64), b)
}

// session is a PPPoE session header with the PPP protocol behind it.
func session(ppp uint16, b []byte) []byte {
	return cat([]byte{0x11, 0x00}, be16(0x0a0b), be16(uint16(len(b)+2)), be16(ppp), b)
}

// ip4 is an IPv4 packet from src4 to dst4 without options. The changes are made
// to the header.
func ip4(proto uint8, b []byte, changes ...func([]byte)) []byte {
	h := cat(
		[]byte{0x45, 0}, be16(uint16(20+len(b))), // version and header length, class, total length
		[]byte{0x12, 0x34, 0x40, 0x00}, // identification, don't fragment
		[]byte{64, proto, 0, 0},        // TTL, protocol, checksum (not looked at)
		src4.AsSlice(), dst4.AsSlice())
	for _, change := range changes {
		change(h)
	}
	return cat(h, b)
}

// options4 is an IPv4 packet with that many words of no-operation options.
func options4(proto uint8, words int, b []byte) []byte {
	nop := slices.Repeat([]byte{1}, 4*words)
	return ip4(proto, cat(nop, b), func(h []byte) { h[0] = 0x45 + byte(words) })
}

// ip6 is an IPv6 packet from src6 to dst6.
func ip6(next uint8, b []byte, changes ...func([]byte)) []byte {
	h := cat(
		[]byte{0x60, 0, 0, 0},                  // version, class, flow label
		be16(uint16(len(b))), []byte{next, 64}, // payload length, next header, hop limit
		src6.AsSlice(), dst6.AsSlice())
	for _, change := range changes {
		change(h)
	}
	return cat(h, b)
}

// outer4 and outer6 are changes of ip4 and ip6 that make them a tunnel's header.
func outer4(h []byte) { copy(h[12:], cat(outerSrc4.AsSlice(), outerDst4.AsSlice())) }

func outer6(h []byte) { copy(h[8:], cat(outerSrc6.AsSlice(), outerDst6.AsSlice())) }

// piece is a change that sets identification, flags and offset of an IPv4
// fragment.
func piece(id, flagsOffset uint16) func([]byte) {
	return func(h []byte) { copy(h[4:], cat(be16(id), be16(flagsOffset))) }
}

// total is a change that makes an IPv4 header lie about its total length.
func total(length uint16) func([]byte) { return func(h []byte) { copy(h[2:], be16(length)) } }

// payload is a change that makes an IPv6 header lie about its payload length.
func payload(length uint16) func([]byte) { return func(h []byte) { copy(h[4:], be16(length)) } }

// ext is an IPv6 extension header of 8 + 8*words bytes in the common shape.
func ext(next uint8, words int, b []byte) []byte {
	return cat([]byte{next, byte(words), 1, byte(4 + 8*words)}, make([]byte, 4+8*words), b)
}

// frag6 is an IPv6 fragment header: next, reserved, offset and flag, identification.
func frag6(next uint8, offsetFlag uint16, id uint32, b []byte) []byte {
	return cat([]byte{next, 0}, be16(offsetFlag), be32(id), b)
}

// auth is an authentication header with a check value of 12 bytes: its length
// counts words of four bytes, less two (RFC 4302 section 2.2).
func auth(next uint8, b []byte) []byte {
	return cat([]byte{next, 4, 0, 0}, be32(0x100), be32(1), make([]byte, 12), b)
}

// tcp is a TCP header from port 49152 to 443.
func tcp(flags uint8) []byte {
	return cat(
		be16(49152), be16(443), be32(1000), be32(0), // ports, sequence, acknowledgement
		[]byte{0x50, flags}, be16(64240), be16(0), be16(0)) // offset, flags, window, checksum, urgent
}

// udp is a UDP datagram from port 49153 to the given one.
func udp(port uint16, b []byte) []byte {
	return cat(be16(49153), be16(port), be16(uint16(8+len(b))), be16(0), b)
}

// icmp is an ICMP message whose first word is an identifier and a sequence
// number, whether the type has them or not.
func icmp(kind, code uint8, id uint16) []byte {
	return cat([]byte{kind, code, 0, 0}, be16(id), be16(1))
}

// sctp is an SCTP common header: ports 36412 to 36412, tag, checksum.
func sctp() []byte { return cat(be16(36412), be16(36412), be32(7), be32(0)) }

// gre is a GRE header with the flags and optional words given.
func gre(flags, etherType uint16, words []uint32, b []byte) []byte {
	h := cat(be16(flags), be16(etherType))
	for _, w := range words {
		h = append(h, be32(w)...)
	}
	return cat(h, b)
}

// vxlan is a UDP datagram with a VXLAN header: flags, network, Ethernet frame.
func vxlan(vni uint32, frame []byte) []byte {
	return udp(4789, cat(be32(0x08000000), be32(vni<<8), frame))
}
