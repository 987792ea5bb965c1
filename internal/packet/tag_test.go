package packet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestPacket_Decode_tags(t *testing.T) {
	testDecode(t, tagTests())
}

func tagTests() []decodeTest {
	four, six := ip4(17, udp(53, nil)), ip6(17, udp(53, nil))
	dns := ports(49153, 53)
	const e = packet.LinkEthernet
	return []decodeTest{
		// The upper four bits of the control information are no part of the identifier.
		{name: "one vlan", link: e, frame: eth(0x8100, tag(0xe007, 0x0800, four)), want: want4(17, mac, dns, vlans(7))},
		{name: "priority tag", link: e, frame: eth(0x8100, tag(0xa000, 0x86dd, six)), want: want6(17, mac, dns, vlans(0))},
		{name: "two vlans", link: e, frame: eth(0x8100, tag(7, 0x8100, tag(4095, 0x0800, four))),
			want: want4(17, mac, dns, vlans(7, 4095))},
		{name: "qinq", link: e, frame: eth(0x88a8, tag(100, 0x8100, tag(200, 0x86dd, six))),
			want: want6(17, mac, dns, vlans(100, 200))},
		{name: "qinq of 9100", link: e, frame: eth(0x9100, tag(100, 0x8100, tag(200, 0x0800, four))),
			want: want4(17, mac, dns, vlans(100, 200))},
		{name: "three vlans", link: e, frame: eth(0x88a8, tag(1, 0x88a8, tag(2, 0x8100, tag(3, 0x0800, four)))),
			want: want4(17, mac, dns, vlans(1, 2))},
		{name: "vlan arp", link: e, frame: eth(0x8100, tag(7, 0x0806, make([]byte, 28))), status: packet.NonIP},
		{name: "mpls", link: e, frame: eth(0x8847, label(18, 1, four)), want: want4(17, mac, dns)},
		{name: "mpls ip6", link: e, frame: eth(0x8847, label(2, 1, six)), want: want6(17, mac, dns)},
		{name: "mpls two labels", link: e, frame: eth(0x8847, label(18, 0, label(19, 1, six))), want: want6(17, mac, dns)},
		{name: "mpls behind vlan", link: e, frame: eth(0x8100, tag(7, 0x8847, label(18, 1, four))),
			want: want4(17, mac, dns, vlans(7))},
		// A pseudowire's control word starts with nibble 0 (RFC 4385).
		{name: "mpls pseudowire", link: e, frame: eth(0x8847, label(18, 1, cat(be32(0), eth(0x0800, four)))), status: packet.NonIP},
		{name: "mpls that ends before its bottom", link: e, frame: eth(0x8847, label(18, 0, label(19, 0, nil))), status: packet.Truncated},
		{name: "pppoe ip4", link: e, frame: eth(0x8864, session(0x0021, four)), want: want4(17, mac, dns)},
		{name: "pppoe ip6", link: e, frame: eth(0x8864, session(0x0057, six)), want: want6(17, mac, dns)},
		{name: "pppoe lcp", link: e, frame: eth(0x8864, session(0xc021, make([]byte, 8))), status: packet.NonIP},
		{name: "pppoe discovery", link: e, frame: eth(0x8863, make([]byte, 46)), status: packet.NonIP},
		{name: "pppoe behind vlan", link: e, frame: eth(0x8100, tag(35, 0x8864, session(0x0021, four))),
			want: want4(17, mac, dns, vlans(35))},
		{name: "nothing but tags", link: e, frame: eth(0x8100, manyTags(300)), status: packet.NonIP},
	}
}

// manyTags is a frame made of VLAN tags.
func manyTags(n int) (b []byte) {
	for range n {
		b = append(b, tag(1, 0x8100, nil)...)
	}
	return b
}

func TestPacket_PushVLAN(t *testing.T) {
	t.Parallel()
	four := ip4(17, udp(53, nil))
	tests := []struct {
		name  string
		frame []byte
		push  []uint16
		want  [2]uint16
		count uint8
	}{
		{name: "untagged", frame: eth(0x0800, four), push: []uint16{0x6007}, want: [2]uint16{7}, count: 1},
		{name: "in front of one", frame: eth(0x8100, tag(200, 0x0800, four)), push: []uint16{100}, want: [2]uint16{100, 200}, count: 2},
		{name: "in front of two", frame: eth(0x8100, tag(2, 0x8100, tag(3, 0x0800, four))), push: []uint16{1},
			want: [2]uint16{1, 2}, count: 2},
		{name: "twice", frame: eth(0x0800, four), push: []uint16{2, 1}, want: [2]uint16{1, 2}, count: 2},
		{name: "priority tag", frame: eth(0x0800, four), push: []uint16{0xe000}, count: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := dirty()
			if got := p.Decode(packet.LinkEthernet, tt.frame); got != packet.OK {
				t.Fatalf("Decode = %v; want ok", got)
			}
			for _, tci := range tt.push {
				p.PushVLAN(tci)
			}
			if diff := cmp.Diff(tt.want, p.VLAN); diff != "" || p.VLANs != tt.count {
				t.Errorf("PushVLAN: %d tags; want %d; mismatch (-want +got):\n%s", p.VLANs, tt.count, diff)
			}
		})
	}
}
