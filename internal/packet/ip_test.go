package packet_test

import (
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestPacket_Decode_ip4(t *testing.T) {
	testDecode(t, ip4Tests())
}

func TestPacket_Decode_ip6(t *testing.T) {
	testDecode(t, ip6Tests())
}

func ip4Tests() []decodeTest {
	const e, dontFragment, more = packet.LinkEthernet, 0x4000, 0x2000
	dns := ports(49153, 53)
	query := udp(53, nil)
	return []decodeTest{
		{name: "one option", link: e, frame: eth(0x0800, options4(17, 1, query)), want: want4(17, mac, dns)},
		{name: "most options", link: e, frame: eth(0x0800, options4(17, 10, query)), want: want4(17, mac, dns)},
		// Segmentation offload hands packets over before their length is known.
		{name: "total length 0", link: e, frame: eth(0x0800, ip4(17, query, total(0))), want: want4(17, mac, dns)},
		{name: "total length less than header", link: e, frame: eth(0x0800, ip4(17, query, total(19))), want: want4(17, mac, dns)},
		{name: "total length of header", link: e, frame: eth(0x0800, ip4(17, query, total(20))), want: want4(17, mac)},
		{name: "total length beyond capture", link: e, frame: eth(0x0800, ip4(17, query, total(65535))), want: want4(17, mac, dns)},
		{name: "padding is no header", link: e, frame: eth(0x0800, cat(ip4(17, nil), make([]byte, 26))), want: want4(17, mac)},
		{name: "padding behind header", link: e, frame: eth(0x0800, cat(ip4(17, query), make([]byte, 18))), want: want4(17, mac, dns)},
		{name: "don't fragment", link: e, frame: eth(0x0800, ip4(17, query, piece(9, dontFragment))), want: want4(17, mac, dns)},
		{name: "first fragment", link: e, frame: eth(0x0800, ip4(17, query, piece(9, more))),
			want: want4(17, mac, dns, fragment(packet.FragmentFirst, 9))},
		{name: "middle fragment", link: e, frame: eth(0x0800, ip4(17, query, piece(9, more|185))),
			want: want4(17, mac, fragment(packet.FragmentLater, 9))},
		{name: "last fragment", link: e, frame: eth(0x0800, ip4(17, query, piece(9, 8191))),
			want: want4(17, mac, fragment(packet.FragmentLater, 9))},
		{name: "later fragment of tcp", link: e, frame: eth(0x0800, ip4(6, tcp(2), piece(9, 1))),
			want: want4(6, mac, fragment(packet.FragmentLater, 9))},
		// An ICMP error quotes a packet; it is not a tunnel.
		{name: "icmp error", link: e, frame: eth(0x0800, ip4(1, cat(icmp(3, 3, 0), ip4(17, query)))), want: want4(1, mac, message(3, 3, 0))},
	}
}

func ip6Tests() []decodeTest {
	const e = packet.LinkEthernet
	const hop, routing, frag, ah, dest = 0, 43, 44, 51, 60
	dns, query := ports(49153, 53), udp(53, nil)
	chain := ext(dest, 0, ext(routing, 0, ext(frag, 2, frag6(ah, 1, 0xabcdef, auth(dest, ext(17, 1, query))))))
	return []decodeTest{
		{name: "hop-by-hop", link: e, frame: eth(0x86dd, ip6(hop, ext(17, 0, query))), want: want6(17, mac, dns)},
		{name: "routing", link: e, frame: eth(0x86dd, ip6(routing, ext(17, 2, query))), want: want6(17, mac, dns)},
		{name: "destination", link: e, frame: eth(0x86dd, ip6(dest, ext(17, 3, query))), want: want6(17, mac, dns)},
		{name: "mobility", link: e, frame: eth(0x86dd, ip6(135, ext(17, 1, query))), want: want6(17, mac, dns)},
		{name: "host identity", link: e, frame: eth(0x86dd, ip6(139, ext(17, 1, query))), want: want6(17, mac, dns)},
		{name: "shim6", link: e, frame: eth(0x86dd, ip6(140, ext(17, 1, query))), want: want6(17, mac, dns)},
		{name: "authentication", link: e, frame: eth(0x86dd, ip6(ah, auth(6, tcp(2)))), want: want6(6, mac, ports(49152, 443), flags(2))},
		{name: "all in the order of RFC 8200", link: e, frame: eth(0x86dd, ip6(hop, chain)),
			want: want6(17, mac, dns, fragment(packet.FragmentFirst, 0xabcdef))},
		{name: "esp ends the chain", link: e, frame: eth(0x86dd, ip6(hop, ext(50, 0, query))), want: want6(50, mac)},
		{name: "atomic fragment", link: e, frame: eth(0x86dd, ip6(frag, frag6(17, 0, 9, query))), want: want6(17, mac, dns)},
		// The reserved bits of the fragment header are ignored on reception.
		{name: "atomic fragment, reserved bits", link: e, frame: eth(0x86dd, ip6(frag, frag6(17, 6, 9, query))), want: want6(17, mac, dns)},
		{name: "first fragment", link: e, frame: eth(0x86dd, ip6(frag, frag6(17, 1, 0xfffffffe, query))),
			want: want6(17, mac, dns, fragment(packet.FragmentFirst, 0xfffffffe))},
		{name: "later fragment", link: e, frame: eth(0x86dd, ip6(frag, frag6(17, 8|1, 9, query))),
			want: want6(17, mac, fragment(packet.FragmentLater, 9))},
		// The bytes of a later fragment are not the header that they are said to be.
		{name: "later fragment is not walked", link: e, frame: eth(0x86dd, ip6(frag, frag6(dest, 8, 9, ext(17, 0, query)))),
			want: want6(dest, mac, fragment(packet.FragmentLater, 9))},
		{name: "payload length 0", link: e, frame: eth(0x86dd, ip6(17, query, payload(0))), want: want6(17, mac, dns)},
		{name: "payload length beyond capture", link: e, frame: eth(0x86dd, ip6(17, query, payload(65535))), want: want6(17, mac, dns)},
		{name: "padding is no header", link: e, frame: eth(0x86dd, ip6(17, cat([]byte{1, 2, 3}, make([]byte, 9)), payload(3))),
			want: want6(17, mac)},
		{name: "chain cut inside extension", link: e, frame: eth(0x86dd, ip6(hop, ext(17, 1, nil)[:15])), want: want6(hop, mac)},
		{name: "chain cut inside fragment header", link: e, frame: eth(0x86dd, ip6(frag, frag6(17, 0, 9, nil)[:7])), want: want6(frag, mac)},
		{name: "extension of one byte", link: e, frame: eth(0x86dd, ip6(dest, []byte{17})), want: want6(dest, mac)},
		{name: "no extension where there should be one", link: e, frame: eth(0x86dd, ip6(dest, nil)), want: want6(dest, mac)},
		{name: "extension longer than the packet", link: e, frame: eth(0x86dd, ip6(dest, cat([]byte{17, 255}, query))), want: want6(dest, mac)},
		{name: "chain longer than any real one", link: e, frame: eth(0x86dd, ip6(dest, slices.Repeat(ext(dest, 0, nil), 40))),
			want: want6(dest, mac)},
	}
}
