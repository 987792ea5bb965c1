package flow_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// BenchmarkTable_Update meters packets of flows that live already, in random
// order, so that the large tables miss the caches as they do in practice.
func BenchmarkTable_Update(b *testing.B) {
	for _, flows := range []int{1, 1000, 50_000, 500_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			b.ReportAllocs()
			table, p, order := liveTable(b, flows)
			i := 0
			for b.Loop() {
				nth(&p, order[i&(len(order)-1)])
				p.Time += 100 // 10 M packets/s: the timers run, too
				table.Update(&p)
				i++
			}
		})
	}
}

// liveTable returns a table in which so many flows live, the packet of one of
// them, and the numbers of the flows in random order.
func liveTable(b *testing.B, flows int) (table *flow.Table, p packet.Packet, order []uint32) {
	b.Helper()
	table, p = quietTable(b, flows), udp(0, client, server)
	for n := range uint32(flows) {
		nth(&p, n)
		table.Update(&p)
	}
	order = make([]uint32, 1<<20)
	rnd := rand.New(rand.NewSource(1))
	for i := range order {
		order[i] = uint32(rnd.Intn(flows))
	}
	return table, p, order
}

// BenchmarkTable_new meters flows of one packet each.
func BenchmarkTable_new(b *testing.B) {
	for _, bb := range []struct {
		name     string
		maxFlows int
		step     int64 // nanoseconds between packets
	}{
		{"growing", 1 << 26, 0},
		{"evicting", 50_000, 1000},
		{"expiring", 500_000, 500_000}, // about 120,000 live
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			table := quietTable(b, bb.maxFlows)
			p, n := udp(0, client, server), uint32(0)
			for b.Loop() {
				if bb.step == 0 && n == 2_000_000 { // do not eat the machine's memory
					b.StopTimer()
					table, n = quietTable(b, bb.maxFlows), 0
					b.StartTimer()
				}
				nth(&p, n)
				p.Time += bb.step
				n++
				table.Update(&p)
			}
		})
	}
}

// BenchmarkTable_tunnels meters packets of more tunnels than have a place.
func BenchmarkTable_tunnels(b *testing.B) {
	for _, tunnels := range []uint32{1, 4000, 5000} {
		b.Run(fmt.Sprintf("tunnels=%d", tunnels), func(b *testing.B) {
			b.ReportAllocs()
			table := quietTable(b, 100_000)
			p, n := udp(0, client, server), uint32(0)
			for b.Loop() {
				nth(&p, n%tunnels)
				p.Time += 100
				q := inNumbered(p, n%tunnels)
				n++
				table.Update(&q)
			}
		})
	}
}

func BenchmarkRecord_CommunityID(b *testing.B) {
	b.ReportAllocs()
	m := newMeter(b).meter(tcp(0, client, server, 2))
	m.Flush(flow.ReasonForced)
	for b.Loop() {
		m.records[0].CommunityID(0)
	}
}
