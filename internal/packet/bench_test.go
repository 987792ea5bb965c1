package packet_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func BenchmarkPacket_Decode(b *testing.B) {
	data := make([]byte, 1400)
	tests := []struct {
		name  string
		link  packet.Link
		frame []byte
	}{
		{name: "ip4-tcp", link: packet.LinkEthernet, frame: eth(0x0800, ip4(6, cat(tcp(packet.ACK), data)))},
		{name: "ip4-udp", link: packet.LinkEthernet, frame: eth(0x0800, ip4(17, udp(53, data)))},
		{name: "ip4-icmp", link: packet.LinkEthernet, frame: eth(0x0800, ip4(1, icmp(8, 0, 1)))},
		{name: "ip4-fragment", link: packet.LinkEthernet, frame: eth(0x0800, ip4(17, data, piece(9, 185)))},
		{name: "ip6-tcp", link: packet.LinkEthernet, frame: eth(0x86dd, ip6(6, cat(tcp(packet.ACK), data)))},
		{name: "ip6-extensions", link: packet.LinkEthernet, frame: eth(0x86dd, ip6(0, ext(60, 0, ext(44, 0, frag6(17, 1, 9, udp(53, data))))))},
		{name: "vlan", link: packet.LinkEthernet, frame: eth(0x8100, tag(7, 0x0800, ip4(6, cat(tcp(packet.ACK), data))))},
		{name: "qinq", link: packet.LinkEthernet, frame: eth(0x88a8, tag(7, 0x8100, tag(8, 0x0800, ip4(6, cat(tcp(packet.ACK), data)))))},
		{name: "mpls", link: packet.LinkEthernet, frame: eth(0x8847, label(18, 1, ip4(6, cat(tcp(packet.ACK), data))))},
		{name: "pppoe", link: packet.LinkEthernet, frame: eth(0x8864, session(0x21, ip4(6, cat(tcp(packet.ACK), data))))},
		{name: "gre", link: packet.LinkEthernet, frame: eth(0x0800, ip4(47, gre(greKey, 0x0800, []uint32{1}, ip4(6, tcp(packet.ACK)))))},
		{name: "vxlan", link: packet.LinkEthernet, frame: eth(0x0800, ip4(17, vxlan(1, eth(0x0800, ip4(6, tcp(packet.ACK))))))},
		{name: "6in4", link: packet.LinkEthernet, frame: eth(0x0800, ip4(41, ip6(6, tcp(packet.ACK))))},
		{name: "raw", link: packet.LinkRaw, frame: ip4(6, cat(tcp(packet.ACK), data))},
		{name: "sll2", link: packet.LinkSLL2, frame: sll2(4, 0x0800, ip4(6, cat(tcp(packet.ACK), data)))},
		{name: "arp", link: packet.LinkEthernet, frame: eth(0x0806, make([]byte, 28))},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			var p packet.Packet
			for b.Loop() {
				p.Decode(tt.link, tt.frame)
			}
		})
	}
}
