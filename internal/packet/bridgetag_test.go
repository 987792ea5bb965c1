package packet_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestCase28b_tags_of_bridges meters what is in frames that switches have tagged.
func TestCase28b_tags_of_bridges(t *testing.T) {
	testDecode(t, bridgeTests())
}

// bridgeTests are frames with the tags of switches and of the links between them.
func bridgeTests() []decodeTest {
	four, six := ip4(17, udp(53, nil)), ip6(17, udp(53, nil))
	dns := ports(49153, 53)
	const e = packet.LinkEthernet
	etag := func(next uint16, b []byte) []byte { return cat([]byte{0xe0, 0x01, 0x10, 0x02, 0, 0}, be16(next), b) }
	mac12 := make([]byte, 12)
	sectag := func(tci byte, sci int, next uint16, b []byte) []byte {
		return cat([]byte{tci, 0}, be32(7), make([]byte, sci), be16(next), b)
	}
	snap := func(next uint16, b []byte) []byte { return cat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, be16(next), b) }
	return []decodeTest{
		{name: "e-tag", link: e, frame: eth(0x893f, etag(0x0800, four)), want: want4(17, mac, dns)},
		{name: "e-tag, vlan", link: e, frame: eth(0x893f, etag(0x8100, tag(7, 0x86dd, six))), want: want6(17, mac, dns, vlans(7))},
		{name: "vlan, e-tag", link: e, frame: eth(0x88a8, tag(9, 0x893f, etag(0x0800, four))), want: want4(17, mac, dns, vlans(9))},
		{name: "e-tag arp", link: e, frame: eth(0x893f, etag(0x0806, make([]byte, 28))), status: packet.NonIP},
		{name: "e-tag of seven bytes", link: e, frame: eth(0x893f, etag(0x0800, nil)[:7]), status: packet.Truncated},
		{name: "vn-tag", link: e, frame: eth(0x8926, cat(be32(0x80010002), be16(0x0800), four)), want: want4(17, mac, dns)},
		{name: "i-tag", link: e, frame: eth(0x88e7, cat(be32(100), mac12, be16(0x86dd), six)), want: want6(17, mac, dns)},
		{name: "fabricpath", link: e, frame: eth(0x8903, cat(be16(0x0460), mac12, be16(0x8100), tag(5, 0x0800, four))),
			want: want4(17, mac, dns, vlans(5))},
		{name: "security group", link: e, frame: eth(0x8909, cat(be16(0x0101), be16(1), be16(2), be16(0x0800), four)), want: want4(17, mac, dns)},
		{name: "r-tag", link: e, frame: eth(0xf1c1, cat(be32(3), be16(0x0800), four)), want: want4(17, mac, dns)},
		{name: "hsr", link: e, frame: eth(0x892f, cat(be32(0x10300001), be16(0x0800), four)), want: want4(17, mac, dns)},
		{name: "macsec, integrity only", link: e, frame: eth(0x88e5, cat(sectag(0, 0, 0x0800, four), make([]byte, 16))), want: want4(17, mac, dns)},
		{name: "macsec with an identifier", link: e, frame: eth(0x88e5, sectag(0x20, 8, 0x86dd, six)), want: want6(17, mac, dns)},
		{name: "macsec, encrypted", link: e, frame: eth(0x88e5, sectag(0x0c, 0, 0x0800, four)), status: packet.NonIP},
		{name: "802.3 with snap", link: e, frame: eth(uint16(len(four)+8), snap(0x0800, four)), want: want4(17, mac, dns)},
		{name: "802.3 of spanning tree", link: e, frame: eth(38, cat([]byte{0x42, 0x42, 3}, make([]byte, 43))), status: packet.NonIP},
		{name: "qinq of 9200", link: e, frame: eth(0x9200, tag(1, 0x9300, tag(2, 0x0800, four))), want: want4(17, mac, dns, vlans(1, 2))},
		{name: "mpls multicast", link: e, frame: eth(0x8848, label(18, 1, four)), want: want4(17, mac, dns)},
		{name: "nothing but e-tags", link: e, frame: eth(0x893f, manyETags(100)), status: packet.NonIP},
	}
}

// manyETags is a frame made of E-TAGs.
func manyETags(n int) (b []byte) {
	for range n {
		b = append(b, 0, 1, 0, 1, 0, 0, 0x89, 0x3f)
	}
	return b
}
