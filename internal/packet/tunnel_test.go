package packet_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestPacket_Decode_tunnel(t *testing.T) {
	testDecode(t, tunnelTests())
}

func TestPacket_Decode_nested(t *testing.T) {
	testDecode(t, nestedTests())
}

// Flags of a GRE header (RFC 2784 section 2, RFC 2890 section 2).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	grePPTP     = 0x0001 // version 1
)

func tunnelTests() []decodeTest {
	const e = packet.LinkEthernet
	four, six := ip4(17, udp(53, nil)), ip6(17, udp(53, nil))
	dns := ports(49153, 53)
	wrap4 := func(proto uint8, b []byte) []byte { return eth(0x0800, ip4(proto, b, outer4)) }
	wrap6 := func(next uint8, b []byte) []byte { return eth(0x86dd, ip6(next, b, outer6)) }
	ipip, ipip6 := via4(packet.TunnelIPIP, 0), via6(packet.TunnelIPIP, 0)
	viaGRE, keyed := via4(packet.TunnelGRE, 0), via4(packet.TunnelGRE, 0xcafe)
	return []decodeTest{
		{name: "ip4 in ip4", link: e, frame: wrap4(4, four), want: want4(17, mac, dns, ipip)},
		{name: "ip6 in ip4", link: e, frame: wrap4(41, six), want: want6(17, mac, dns, ipip)},
		{name: "ip4 in ip6", link: e, frame: wrap6(4, four), want: want4(17, mac, dns, ipip6)},
		{name: "ip6 in ip6", link: e, frame: wrap6(41, six), want: want6(17, mac, dns, ipip6)},
		// RFC 2473 puts a destination option (tunnel encapsulation limit) in front.
		{name: "ip6 in ip6 behind options", link: e, frame: wrap6(60, ext(41, 0, six)), want: want6(17, mac, dns, ipip6)},
		{name: "gre", link: e, frame: wrap4(47, gre(0, 0x0800, nil, four)), want: want4(17, mac, dns, viaGRE)},
		{name: "gre over ip6", link: e, frame: wrap6(47, gre(0, 0x86dd, nil, six)), want: want6(17, mac, dns, via6(packet.TunnelGRE, 0))},
		{name: "gre key", link: e, frame: wrap4(47, gre(greKey, 0x0800, []uint32{0xcafe}, four)), want: want4(17, mac, dns, keyed)},
		{name: "gre checksum", link: e, frame: wrap4(47, gre(greChecksum, 0x0800, []uint32{0x1234_0000}, four)),
			want: want4(17, mac, dns, viaGRE)},
		{name: "gre sequence", link: e, frame: wrap4(47, gre(greSequence, 0x86dd, []uint32{1}, six)), want: want6(17, mac, dns, viaGRE)},
		{name: "gre all three", link: e,
			frame: wrap4(47, gre(greChecksum|greKey|greSequence, 0x0800, []uint32{0x1234_0000, 0xcafe, 1}, four)),
			want:  want4(17, mac, dns, keyed)},
		{name: "gre ethernet", link: e, frame: wrap4(47, gre(greKey, 0x6558, []uint32{0xcafe}, eth(0x86dd, six))),
			want: want6(17, mac, dns, keyed)},
		{name: "gre ethernet vlan", link: e, frame: wrap4(47, gre(0, 0x6558, nil, eth(0x8100, tag(7, 0x0800, four)))),
			want: want4(17, mac, dns, viaGRE)},
		{name: "vxlan", link: e, frame: wrap4(17, vxlan(0xabcdef, eth(0x0800, four))),
			want: want4(17, mac, dns, via4(packet.TunnelVXLAN, 0xabcdef))},
		// The other bits are ignored on reception (RFC 7348 section 5); Linux sets 0x80
		// with a group policy.
		{name: "vxlan group policy", link: e, frame: wrap4(17, udp(4789, cat(be32(0x88480064), be32(5<<8), eth(0x0800, four)))),
			want: want4(17, mac, dns, via4(packet.TunnelVXLAN, 5))},
		{name: "vxlan over ip6 vlan", link: e, frame: wrap6(17, vxlan(1, eth(0x8100, tag(7, 0x86dd, six)))),
			want: want6(17, mac, dns, via6(packet.TunnelVXLAN, 1))},
		{name: "vlan outside is kept", link: e, frame: eth(0x8100, tag(7, 0x0800, ip4(4, four, outer4))),
			want: want4(17, mac, dns, ipip, vlans(7))},
		// The first eight bytes of the packet inside do not name its ports.
		{name: "first fragment of a tunnel", link: e, frame: eth(0x0800, ip4(4, four[:8], outer4, piece(9, 0x2000))),
			want: want4(4, mac, from(addr(outerSrc4), addr(outerDst4)), fragment(packet.FragmentFirst, 9))},
		{name: "later fragment of a tunnel", link: e, frame: eth(0x0800, ip4(4, four, outer4, piece(9, 185))),
			want: want4(4, mac, from(addr(outerSrc4), addr(outerDst4)), fragment(packet.FragmentLater, 9))},
		{name: "fragment inside", link: e, frame: wrap4(4, ip4(17, udp(53, nil), piece(9, 185))),
			want: want4(17, mac, ipip, fragment(packet.FragmentLater, 9))},
	}
}

// nestedTests are tunnels inside tunnels, and tunnels whose inside cannot be
// metered: then the tunnel is the flow.
func nestedTests() []decodeTest {
	const e = packet.LinkEthernet
	four := ip4(17, udp(53, nil))
	self := from(addr(outerSrc4), addr(outerDst4))
	wrap := func(proto uint8, b []byte) []byte { return eth(0x0800, ip4(proto, b, outer4)) }
	as := func(proto uint8, changes ...func(*packet.Packet)) packet.Packet {
		return want4(proto, append(changes, mac, self)...)
	}
	vx := ports(49153, 4789)
	return []decodeTest{
		{name: "gre in vxlan", link: e, frame: wrap(17, vxlan(5, eth(0x0800, ip4(47, gre(greKey, 0x0800, []uint32{6}, four))))),
			want: want4(17, mac, ports(49153, 53), via4(packet.TunnelVXLAN, 5))},
		{name: "five ip headers", link: e, frame: wrap(4, nest(4, ip4(6, tcp(2)))),
			want: want4(6, mac, ports(49152, 443), flags(2), via4(packet.TunnelIPIP, 0))},
		{name: "six ip headers", link: e, frame: wrap(4, nest(5, ip4(6, tcp(2)))), want: want4(4, mac, via4(packet.TunnelIPIP, 0))},
		{name: "sixty ip headers", link: e, frame: wrap(4, nest(60, ip4(6, tcp(2)))), want: want4(4, mac, via4(packet.TunnelIPIP, 0))},
		{name: "ipip with nothing inside", link: e, frame: wrap(4, nil), want: as(4)},
		{name: "ipip with half a header", link: e, frame: wrap(4, four[:19]), want: as(4)},
		{name: "ipip with half its options", link: e, frame: wrap(4, options4(17, 10, nil)[:59]), want: as(4)},
		{name: "ipip with a short header length", link: e, frame: wrap(4, cat([]byte{0x44}, four[1:])), want: as(4)},
		{name: "6in4 with half a header", link: e, frame: wrap(41, ip6(17, nil)[:39]), want: as(41)},
		{name: "6in4 with version 7", link: e, frame: wrap(41, cat([]byte{0x70}, ip6(17, nil)[1:])), want: as(41)},
		{name: "gre of three bytes", link: e, frame: wrap(47, gre(0, 0x0800, nil, nil)[:3]), want: as(47)},
		{name: "gre cut inside key", link: e, frame: wrap(47, gre(greKey, 0x0800, []uint32{1}, nil)[:7]), want: as(47)},
		{name: "gre cut inside sequence", link: e, frame: wrap(47, gre(greSequence, 0x0800, []uint32{1}, nil)[:7]), want: as(47)},
		{name: "gre source route", link: e, frame: wrap(47, gre(greRouting, 0x0800, []uint32{0}, four)), want: as(47)},
		{name: "gre pptp", link: e, frame: wrap(47, gre(greKey|grePPTP, 0x880b, []uint32{0}, four)), want: as(47)},
		{name: "gre arp", link: e, frame: wrap(47, gre(0, 0x0806, nil, make([]byte, 28))), want: as(47)},
		{name: "gre ethernet arp", link: e, frame: wrap(47, gre(0, 0x6558, nil, eth(0x0806, make([]byte, 28)))), want: as(47)},
		{name: "gre ethernet of 13 bytes", link: e, frame: wrap(47, gre(0, 0x6558, nil, make([]byte, 13))), want: as(47)},
		{name: "vxlan arp", link: e, frame: wrap(17, vxlan(5, eth(0x0806, make([]byte, 28)))), want: as(17, vx)},
		{name: "vxlan cut", link: e, frame: wrap(17, vxlan(5, eth(0x0800, four[:19]))), want: as(17, vx)},
		{name: "vxlan flags of something else", link: e, frame: wrap(17, udp(4789, cat(be32(0), be32(5<<8), eth(0x0800, four)))),
			want: as(17, vx)},
		{name: "port 4789 without payload", link: e, frame: wrap(17, udp(4789, nil)), want: as(17, vx)},
	}
}

// nest is b inside n-1 IPv4 headers.
func nest(n int, b []byte) []byte {
	for range n - 1 {
		b = ip4(4, b)
	}
	return b
}
