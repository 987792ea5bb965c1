package packet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestPacket_Transport finds the header that was decoded last, and no padding.
func TestPacket_Transport(t *testing.T) {
	t.Parallel()
	datagram := udp(53, []byte("question"))
	padded := eth(0x0800, ip4(packet.ProtoUDP, datagram))
	padded = append(padded, make([]byte, 30)...)
	tests := []struct {
		name  string
		link  packet.Link
		frame []byte
		want  []byte
	}{
		{"ethernet with padding", packet.LinkEthernet, padded, datagram},
		{"raw", packet.LinkRaw, ip4(packet.ProtoUDP, datagram), datagram},
		{"extension header", packet.LinkRaw, ip6(60, ext(packet.ProtoUDP, 1, datagram)), datagram},
		{"tunnel", packet.LinkRaw, ip4(packet.ProtoIPv6, ip6(packet.ProtoTCP, tcp(packet.SYN))), tcp(packet.SYN)},
		{"first fragment", packet.LinkRaw, ip4(packet.ProtoUDP, datagram, piece(7, 0x2000)), datagram},
		{"later fragment", packet.LinkRaw, ip4(packet.ProtoUDP, datagram, piece(7, 0x0010)), datagram},
		{"later fragment, IPv6", packet.LinkRaw, ip6(44, frag6(packet.ProtoUDP, 0x0010, 7, datagram)), datagram},
		{"cut", packet.LinkRaw, ip4(packet.ProtoUDP, datagram)[:23], nil},
		{"icmp", packet.LinkEthernet, eth(0x0800, ip4(packet.ProtoICMP, icmp(8, 0, 7))), icmp(8, 0, 7)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := dirty()
			p.Decode(tt.link, tt.frame)
			if diff := cmp.Diff(tt.want, bytes.Clone(p.Transport(tt.frame)), cmp.Comparer(bytes.Equal)); diff != "" {
				t.Errorf("Transport mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPacket_fragment reads the place of a piece in its datagram.
func TestPacket_fragment(t *testing.T) {
	t.Parallel()
	data := udp(53, []byte("question"))
	type place struct {
		offset uint16
		more   bool
	}
	tests := []struct {
		name  string
		frame []byte
		want  place
	}{
		{"whole", ip4(packet.ProtoUDP, data), place{}},
		{"whole, not to be fragmented", ip4(packet.ProtoUDP, data, piece(7, 0x4000)), place{}},
		{"first", ip4(packet.ProtoUDP, data, piece(7, 0x2000)), place{0, true}},
		{"middle", ip4(packet.ProtoUDP, data, piece(7, 0x2002)), place{16, true}},
		{"last", ip4(packet.ProtoUDP, data, piece(7, 0x1fff)), place{65528, false}},
		{"IPv6, first", ip6(44, frag6(packet.ProtoUDP, 1, 7, data)), place{0, true}},
		{"IPv6, last", ip6(44, frag6(packet.ProtoUDP, 24, 7, data)), place{24, false}},
		{"IPv6, atomic", ip6(44, frag6(packet.ProtoUDP, 0, 7, data)), place{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := dirty()
			p.FragOffset, p.FragMore = 9, true
			if status := p.Decode(packet.LinkRaw, tt.frame); status != packet.OK {
				t.Fatal(status)
			}
			if got := (place{p.FragOffset, p.FragMore}); got != tt.want {
				t.Errorf("offset and more = %v; want %v", got, tt.want)
			}
		})
	}
}

// TestPacket_Payload steps over TCP options and believes a UDP length only where
// it can be true.
func TestPacket_Payload(t *testing.T) {
	data := []byte("question")
	offset := func(words byte, b []byte) []byte {
		b[12] = words << 4
		return b
	}
	length := func(n uint16, b []byte) []byte {
		copy(b[4:], be16(n))
		return b
	}
	tests := []struct {
		name string
		ip   []byte
		want []byte
		ok   bool
	}{
		{"tcp", ip4(packet.ProtoTCP, cat(tcp(packet.ACK), data)), data, true},
		{"tcp, nothing", ip4(packet.ProtoTCP, tcp(packet.ACK)), nil, true},
		{"tcp, options", ip4(packet.ProtoTCP, offset(6, cat(tcp(packet.ACK), be32(0x01010101), data))), data, true},
		{"tcp, offset too small", ip4(packet.ProtoTCP, offset(4, cat(tcp(packet.ACK), data))), nil, false},
		{"tcp, offset behind the end", ip4(packet.ProtoTCP, offset(8, cat(tcp(packet.ACK), data))), nil, false},
		{"tcp, cut", ip4(packet.ProtoTCP, tcp(packet.ACK)[:19]), nil, false},
		{"udp", ip4(packet.ProtoUDP, udp(53, data)), data, true},
		{"udp, shorter than the packet", ip4(packet.ProtoUDP, length(11, udp(53, data))), data[:3], true},
		{"udp, longer than the packet", ip4(packet.ProtoUDP, length(99, udp(53, data))), data, true},
		{"udp, length of an offload", ip4(packet.ProtoUDP, length(0, udp(53, data))), data, true},
		{"udp, cut", ip4(packet.ProtoUDP, udp(53, nil)[:7]), nil, false},
		{"first fragment", ip4(packet.ProtoUDP, udp(53, data), piece(7, 0x2000)), data, true},
		{"later fragment", ip4(packet.ProtoUDP, udp(53, data), piece(7, 0x0010)), nil, false},
		{"icmp", ip4(packet.ProtoICMP, icmp(8, 0, 7)), nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dirty()
			p.Decode(packet.LinkRaw, tt.ip)
			got, ok := p.Payload(tt.ip)
			if ok != tt.ok || !bytes.Equal(got, tt.want) {
				t.Errorf("Payload = %q, %v; want %q, %v", got, ok, tt.want, tt.ok)
			}
			if n := testing.AllocsPerRun(100, func() { p.Payload(tt.ip) }); n != 0 {
				t.Errorf("Payload allocates %v times; want 0", n)
			}
			if begins := len(tt.want) > 0; p.Proto == packet.ProtoTCP && tt.ok && p.SegmentBegins(tt.ip, data[0]) != begins || p.SegmentBegins(tt.ip, data[0]+1) {
				t.Errorf("SegmentBegins does not say that the payload begins with the first of %q", tt.want)
			}
		})
	}
}
