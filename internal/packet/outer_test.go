package packet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestPacket_TakeOuter turns each packet in a tunnel into what Decode makes of the
// tunnel if it cannot be entered.
func TestPacket_TakeOuter(t *testing.T) {
	t.Parallel()
	self := from(addr(outerSrc4), addr(outerDst4))
	wrap := func(proto uint8, b []byte) []byte { return eth(0x0800, ip4(proto, b, outer4)) }
	for _, tt := range []struct {
		name  string
		frame []byte
		want  packet.Packet
	}{
		{"none", eth(0x0800, ip4(6, tcp(2))), want4(6, mac, ports(49152, 443), flags(2))},
		{"ip4 in ip4", wrap(4, ip4(6, tcp(2))), want4(4, mac, self)},
		{"ip6 in ip4", wrap(41, ip6(58, icmp(128, 0, 5))), want4(41, mac, self)},
		{"fragment in gre", wrap(47, gre(greKey, 0x0800, []uint32{7}, ip4(17, udp(53, nil), piece(9, 185)))), want4(47, mac, self)},
		{"first fragment", eth(0x0800, ip4(4, ip4(6, tcp(2)), outer4, piece(9, 0x2000))), want4(4, mac, self, func(p *packet.Packet) {
			p.Fragment, p.FragID = packet.FragmentFirst, 9
		})},
		{"gre in vxlan", wrap(17, vxlan(5, eth(0x0800, ip4(47, gre(0, 0x0800, nil, ip4(6, tcp(2))))))), want4(17, mac, self, ports(49153, 4789))},
	} {
		p := dirty()
		if status := p.Decode(packet.LinkEthernet, tt.frame); status != packet.OK {
			t.Fatalf("%s: Decode = %v", tt.name, status)
		}
		p.TakeOuter()
		tt.want.Time, tt.want.Length, tt.want.Iface = callerTime, callerLength, callerIface
		if diff := cmp.Diff(tt.want, valid(p)); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", tt.name, diff)
		}
	}
}
