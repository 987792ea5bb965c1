package top

import (
	"fmt"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// BenchmarkGauge_Packets counts a packet: of one interface or of many in turn, and while
// someone looks.
func BenchmarkGauge_Packets(b *testing.B) {
	for _, interfaces := range []int{1, 30, 500} {
		for _, watching := range []bool{false, true} {
			b.Run(fmt.Sprintf("interfaces=%d/watching=%v", interfaces, watching), func(b *testing.B) {
				g := newGauge()
				g.watching = watching
				batches := make([][]packet.Packet, 64)
				for i := range batches {
					for j := range flow.BatchSize {
						n := i*flow.BatchSize + j
						batches[i] = append(batches[i], datagram(uint32(n%interfaces), n&1, "10.137.0.6:40000", fmt.Sprintf("198.51.100.%d:443", n%8)))
					}
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					g.Packets(batches[i&63])
					i++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flow.BatchSize, "ns/packet")
			})
		}
	}
}

// fill500 has a gauge count 500 interfaces with 16 peers each.
func fill500(g *gauge) {
	g.watching = true
	for i := range uint32(500) {
		for j := range maxPeers {
			g.Packets([]packet.Packet{datagram(i, sent, "10.137.0.6:40000", fmt.Sprintf("198.51.100.%d:443", j))})
		}
	}
}

// BenchmarkGauge_readings is what the meter does for a snapshot of 500 qubes.
func BenchmarkGauge_readings(b *testing.B) {
	g := newGauge()
	fill500(g)
	b.ReportAllocs()
	for b.Loop() {
		g.readings(&question{open: 7})
	}
}

// BenchmarkService_Top is all that the beat does for it, without the socket.
func BenchmarkService_Top(b *testing.B) {
	s, flows := newService(b)
	for i := range uint32(500) {
		flows.names[i] = fmt.Sprintf("vif%d.0", i+10)
	}
	fill500(s.gauge)
	b.ReportAllocs()
	for b.Loop() {
		if snap, err := s.Top(b.Context(), "vif17.0"); err != nil || len(snap.Qubes) != 500 {
			b.Fatal(err)
		}
	}
}
