package packet_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

func TestPacket_Decode_link(t *testing.T) {
	testDecode(t, linkTests())
}

// sll is a Linux cooked header, version 1: packet type, ARPHRD_ETHER, address
// length, address, protocol.
func sll(kind, etherType uint16, b []byte) []byte {
	return cat(be16(kind), be16(1), be16(6), make([]byte, 8), be16(etherType), b)
}

// sll2 is version 2: protocol, reserved, interface, ARPHRD_ETHER, packet type,
// address length, address.
func sll2(kind uint8, etherType uint16, b []byte) []byte {
	return cat(be16(etherType), be16(0), be32(3), be16(1), []byte{kind, 6}, make([]byte, 8), b)
}

func linkTests() []decodeTest {
	four, six := ip4(17, udp(53, nil)), ip6(17, udp(53, nil))
	dns := ports(49153, 53)
	inbound := func(p *packet.Packet) { p.Direction = packet.Inbound }
	outbound := func(p *packet.Packet) { p.Direction = packet.Outbound }
	return []decodeTest{
		{name: "ethernet arp", link: packet.LinkEthernet, frame: eth(0x0806, make([]byte, 28)), status: packet.NonIP},
		{name: "ethernet 802.3", link: packet.LinkEthernet, frame: eth(0x0026, cat([]byte{0x42, 0x42, 3}, make([]byte, 35))),
			status: packet.NonIP},
		{name: "ethernet lldp", link: packet.LinkEthernet, frame: eth(0x88cc, make([]byte, 46)), status: packet.NonIP},
		{name: "ethernet empty", link: packet.LinkEthernet, frame: nil, status: packet.Truncated},
		{name: "ethernet 13 bytes", link: packet.LinkEthernet, frame: eth(0x0800, nil)[:13], status: packet.Truncated},
		{name: "null little-endian ip4", link: packet.LinkNull, frame: cat([]byte{2, 0, 0, 0}, four), want: want4(17, dns)},
		{name: "null big-endian ip4", link: packet.LinkNull, frame: cat([]byte{0, 0, 0, 2}, four), want: want4(17, dns)},
		{name: "null freebsd ip6", link: packet.LinkNull, frame: cat([]byte{28, 0, 0, 0}, six), want: want6(17, dns)},
		{name: "null macos ip6", link: packet.LinkNull, frame: cat([]byte{0, 0, 0, 30}, six), want: want6(17, dns)},
		{name: "null something else", link: packet.LinkNull, frame: []byte{2, 0, 0, 0, 0xff, 1}, status: packet.NonIP},
		{name: "null without packet", link: packet.LinkNull, frame: []byte{2, 0, 0, 0}, status: packet.Truncated},
		{name: "loop ip6", link: packet.LinkLoop, frame: cat([]byte{0, 0, 0, 24}, six), want: want6(17, dns)},
		{name: "raw ip4", link: packet.LinkRaw, frame: four, want: want4(17, dns)},
		{name: "raw ip6", link: packet.LinkRaw, frame: six, want: want6(17, dns)},
		{name: "raw 12", link: packet.LinkRaw12, frame: six, want: want6(17, dns)},
		{name: "raw 14", link: packet.LinkRaw14, frame: four, want: want4(17, dns)},
		{name: "ipv4", link: packet.LinkIPv4, frame: four, want: want4(17, dns)},
		{name: "ipv6", link: packet.LinkIPv6, frame: six, want: want6(17, dns)},
		{name: "raw empty", link: packet.LinkRaw, frame: nil, status: packet.Truncated},
		{name: "raw version 5", link: packet.LinkRaw, frame: []byte{0x50}, status: packet.Malformed},
		{name: "sll to us", link: packet.LinkSLL, frame: sll(0, 0x0800, four), want: want4(17, dns, inbound)},
		{name: "sll outgoing", link: packet.LinkSLL, frame: sll(4, 0x86dd, six), want: want6(17, dns, outbound)},
		{name: "sll to another host", link: packet.LinkSLL, frame: sll(3, 0x0800, four), want: want4(17, dns)},
		{name: "sll vlan", link: packet.LinkSLL, frame: sll(4, 0x8100, tag(5, 0x0800, four)),
			want: want4(17, dns, outbound, vlans(5))},
		{name: "sll 15 bytes", link: packet.LinkSLL, frame: sll(0, 0x0800, nil)[:15], status: packet.Truncated},
		{name: "sll2 to us", link: packet.LinkSLL2, frame: sll2(0, 0x86dd, six), want: want6(17, dns, inbound)},
		{name: "sll2 outgoing", link: packet.LinkSLL2, frame: sll2(4, 0x0800, four), want: want4(17, dns, outbound)},
		{name: "sll2 arp", link: packet.LinkSLL2, frame: sll2(4, 0x0806, make([]byte, 28)), status: packet.NonIP},
		{name: "sll2 19 bytes", link: packet.LinkSLL2, frame: sll2(0, 0x0800, nil)[:19], status: packet.Truncated},
		{name: "802.11", link: 105, frame: four, status: packet.Unsupported},
	}
}

func TestPacket_Decode_direction(t *testing.T) {
	t.Parallel()
	// What the capture said of the direction outweighs the cooked header.
	p := packet.Packet{Direction: packet.Inbound}
	if got := p.Decode(packet.LinkSLL, sll(4, 0x0800, ip4(17, udp(53, nil)))); got != packet.OK {
		t.Fatalf("Decode = %v; want ok", got)
	}
	if p.Direction != packet.Inbound {
		t.Errorf("Direction = %v; want %v", p.Direction, packet.Inbound)
	}
}

func TestLink_Supported(t *testing.T) {
	t.Parallel()
	for l := range 1 << 16 {
		link := packet.Link(l)
		var p packet.Packet
		decodes := p.Decode(link, nil) != packet.Unsupported
		if got := link.Supported(); got != decodes {
			t.Errorf("Link(%d).Supported = %v; want %v, as Decode has it", l, got, decodes)
		}
	}
}

func TestPacket_DecodeNetwork(t *testing.T) {
	tests := []struct {
		name      string
		etherType uint16
		data      []byte
		want      packet.Packet
		status    packet.Status
	}{
		{name: "ip4", etherType: 0x0800, data: ip4(6, tcp(2)), want: want4(6, ports(49152, 443), flags(2))},
		{name: "ip6", etherType: 0x86dd, data: ip6(6, tcp(2)), want: want6(6, ports(49152, 443), flags(2))},
		{name: "arp", etherType: 0x0806, data: make([]byte, 28), status: packet.NonIP},
		{name: "ip4 that is ip6", etherType: 0x0800, data: ip6(6, tcp(2)), status: packet.Malformed},
		{name: "empty", etherType: 0x0800, status: packet.Truncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dirty()
			if got := p.DecodeNetwork(tt.etherType, tt.data); got != tt.status {
				t.Fatalf("DecodeNetwork = %v; want %v", got, tt.status)
			}
			comparePacket(t, tt.status, tt.want, p)
			if got := testing.AllocsPerRun(100, func() { p.DecodeNetwork(tt.etherType, tt.data) }); got != 0 {
				t.Errorf("DecodeNetwork allocates %v times; want 0", got)
			}
		})
	}
}
