package packet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestPacket_Decode_transport(t *testing.T) {
	testDecode(t, transportTests())
}

func transportTests() []decodeTest {
	const e = packet.LinkEthernet
	web, dns := ports(49152, 443), ports(49153, 53)
	return []decodeTest{
		{name: "ip4 tcp syn", link: e, frame: eth(0x0800, ip4(6, tcp(packet.SYN))),
			want: want4(6, mac, web, flags(0x02))},
		{name: "ip4 tcp all flags", link: e, frame: eth(0x0800, ip4(6, tcp(0xff))),
			want: want4(6, mac, web, flags(0xff))},
		{name: "ip4 tcp no flags", link: e, frame: eth(0x0800, ip4(6, tcp(0))), want: want4(6, mac, web)},
		{name: "ip6 tcp", link: e, frame: eth(0x86dd, ip6(6, tcp(packet.ACK|packet.FIN))),
			want: want6(6, mac, web, flags(0x11))},
		{name: "ip4 udp", link: e, frame: eth(0x0800, ip4(17, udp(53, []byte("query")))), want: want4(17, mac, dns)},
		{name: "ip6 udp", link: e, frame: eth(0x86dd, ip6(17, udp(53, nil))), want: want6(17, mac, dns)},
		{name: "ip4 udp-lite", link: e, frame: eth(0x0800, ip4(136, udp(53, nil))), want: want4(136, mac, dns)},
		{name: "ip4 dccp", link: e, frame: eth(0x0800, ip4(33, udp(53, nil))), want: want4(33, mac, dns)},
		{name: "ip4 sctp", link: e, frame: eth(0x0800, ip4(132, sctp())), want: want4(132, mac, ports(36412, 36412))},
		{name: "ip6 sctp", link: e, frame: eth(0x86dd, ip6(132, sctp())), want: want6(132, mac, ports(36412, 36412))},
		{name: "ip4 echo", link: e, frame: eth(0x0800, ip4(1, icmp(8, 0, 77))), want: want4(1, mac, message(8, 0, 77))},
		{name: "ip4 echo reply", link: e, frame: eth(0x0800, ip4(1, icmp(0, 0, 77))), want: want4(1, mac, message(0, 0, 77))},
		{name: "ip4 unreachable has no identifier", link: e, frame: eth(0x0800, ip4(1, icmp(3, 13, 77))),
			want: want4(1, mac, message(3, 13, 0))},
		{name: "ip6 echo", link: e, frame: eth(0x86dd, ip6(58, icmp(128, 0, 78))), want: want6(58, mac, message(128, 0, 78))},
		{name: "ip6 neighbour solicitation", link: e, frame: eth(0x86dd, ip6(58, icmp(135, 0, 78))),
			want: want6(58, mac, message(135, 0, 0))},
		// The types 8 and 13 of ICMP mean nothing in ICMPv6.
		{name: "ip6 type 8", link: e, frame: eth(0x86dd, ip6(58, icmp(8, 0, 78))), want: want6(58, mac, message(8, 0, 0))},
		{name: "ip4 esp", link: e, frame: eth(0x0800, ip4(50, make([]byte, 16))), want: want4(50, mac)},
		{name: "ip4 igmp", link: e, frame: eth(0x0800, ip4(2, make([]byte, 8))), want: want4(2, mac)},
		{name: "ip6 no next header", link: e, frame: eth(0x86dd, ip6(59, []byte{1, 2, 3, 4})), want: want6(59, mac)},
		// Cut transport headers: what is there is read.
		{name: "tcp of 13 bytes", link: e, frame: eth(0x0800, ip4(6, tcp(2)[:13])), want: want4(6, mac, web)},
		{name: "tcp of 14 bytes", link: e, frame: eth(0x0800, ip4(6, tcp(2)[:14])), want: want4(6, mac, web, flags(2))},
		{name: "tcp of 4 bytes", link: e, frame: eth(0x0800, ip4(6, tcp(2)[:4])), want: want4(6, mac, web)},
		{name: "tcp of 3 bytes", link: e, frame: eth(0x0800, ip4(6, tcp(2)[:3])), want: want4(6, mac)},
		{name: "tcp of 0 bytes", link: e, frame: eth(0x0800, ip4(6, nil)), want: want4(6, mac)},
		{name: "echo of 4 bytes", link: e, frame: eth(0x0800, ip4(1, icmp(8, 0, 77)[:4])), want: want4(1, mac, message(8, 0, 0))},
	}
}

func TestPacket_ICMPQuery(t *testing.T) {
	t.Parallel()
	// The pairs of RFC 792 and RFC 950; everything else stands for itself.
	query4 := map[uint8]uint8{0: 8, 8: 8, 13: 13, 14: 13, 15: 15, 16: 15, 17: 17, 18: 17}
	query6 := map[uint8]uint8{128: 128, 129: 128} // RFC 4443 section 4
	for proto, pairs := range map[uint8]map[uint8]uint8{packet.ProtoICMP: query4, packet.ProtoICMPv6: query6} {
		for kind := range 256 {
			p := packet.Packet{Proto: proto, ICMPType: uint8(kind)}
			want, wantOK := pairs[uint8(kind)]
			if !wantOK {
				want = uint8(kind)
			}
			if got, ok := p.ICMPQuery(); got != want || ok != wantOK {
				t.Errorf("protocol %d type %d: ICMPQuery = %d, %v; want %d, %v", proto, kind, got, ok, want, wantOK)
			}
		}
	}
}

func TestPacket_IsICMP(t *testing.T) {
	t.Parallel()
	var got []uint8
	for proto := range 256 {
		if p := (packet.Packet{Proto: uint8(proto)}); p.IsICMP() {
			got = append(got, p.Proto)
		}
	}
	if diff := cmp.Diff([]uint8{1, 58}, got); diff != "" {
		t.Errorf("IsICMP mismatch (-want +got):\n%s", diff)
	}
}
