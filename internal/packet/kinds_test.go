package packet_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestKindsOf returns the kinds of a packet by its ports and by how its payload begins.
func TestKindsOf(t *testing.T) {
	t.Parallel()
	optional := tcp(packet.ACK)
	optional[12] = 6 << 4
	record, long, short := []byte{22, 3, 1}, []byte{0xc3, 0, 0}, []byte{0x43, 0, 0}
	tests := []struct {
		name string
		ip   []byte
		want packet.Kinds
	}{
		{"tcp", ip4(packet.ProtoTCP, cat(tcp(packet.ACK), short)), packet.Segment},
		{"tcp, no payload", ip4(packet.ProtoTCP, tcp(packet.ACK)), packet.Segment},
		{"tls", ip4(packet.ProtoTCP, cat(tcp(packet.ACK), record)), packet.Segment | packet.Handshake},
		{"tls behind options", ip4(packet.ProtoTCP, cat(optional, be32(0x01010101), record)), packet.Segment | packet.Handshake},
		{"udp", ip4(packet.ProtoUDP, udp(443, short)), packet.Rest},
		{"udp, no payload", ip4(packet.ProtoUDP, udp(443, nil)), packet.Rest},
		{"quic", ip4(packet.ProtoUDP, udp(443, long)), packet.LongHeader},
		{"dns", ip4(packet.ProtoUDP, udp(53, short)), packet.Rest | packet.Domain},
		{"dns like quic", ip4(packet.ProtoUDP, udp(53, long)), packet.LongHeader | packet.Domain},
		{"icmp", ip4(packet.ProtoICMP, icmp(8, 0, 7)), packet.ICMP},
		{"another protocol", ip4(47, []byte{1, 2, 3, 4, 5, 6, 7, 8}), packet.Rest},
		{"later fragment", ip4(packet.ProtoUDP, udp(53, short), piece(7, 0x0010)), packet.Rest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := dirty()
			if s := p.Decode(packet.LinkRaw, tt.ip); s != packet.OK {
				t.Fatalf("Decode = %v", s)
			}
			if got := packet.KindsOf(&p, tt.ip); got != tt.want {
				t.Errorf("KindsOf = %06b; want %06b", got, tt.want)
			}
		})
	}
}
