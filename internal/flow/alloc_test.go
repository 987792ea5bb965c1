package flow_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// quietTable returns a table that counts its records and keeps none.
func quietTable(tb testing.TB, maxFlows int) *flow.Table {
	tb.Helper()
	table, err := flow.New(flow.Config{IdleTimeout: time.Minute, Period: 10 * sec, ActiveTimeout: time.Hour,
		MaxFlows: maxFlows, Report: func(*flow.Record) {}})
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

// nth turns p into a packet of flow n.
func nth(p *packet.Packet, n uint32) {
	binary.BigEndian.PutUint32(p.Src[:4], 10<<24|n>>8)
	p.SrcPort = uint16(n&0xff) + 40000
	p.Iface = n & 7
}

// TestTable_allocs asserts that the path of a packet of a live flow allocates
// nothing, timers, reports and late fragments included. It is not parallel,
// because AllocsPerRun must not be.
func TestTable_allocs(t *testing.T) {
	first, later := pieces(0, udp(0, client, server), 3)
	tests := []struct {
		name string
		in   []packet.Packet
	}{
		{"UDP", []packet.Packet{udp(0, client, server), udp(0, server, client)}},
		{"TCP", []packet.Packet{tcp(0, client, server, packet.ACK), tcp(0, server, client, packet.ACK)}},
		{"ICMP", []packet.Packet{icmp(0, pinger, pinged, 8, 0, 1), icmp(0, pinged, pinger, 0, 0, 1)}},
		{"IPv6", []packet.Packet{udp(0, "[fd00::1]:9", "[fd00::2]:9")}},
		{"fragments", []packet.Packet{first, later}},
		{"tunnel", []packet.Packet{in(udp(0, client, server), "10.0.0.1", "10.0.0.2", 5)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := quietTable(t, 1000)
			when := t0
			run := func() {
				for i := range tt.in {
					p := tt.in[i]
					p.Time = when
					table.Update(&p)
					when += int64(ms)
				}
			}
			run()
			if n := testing.AllocsPerRun(100_000, run); n != 0 {
				t.Errorf("a packet of a live flow allocates %v times; want 0", n)
			}
		})
	}
}

// TestTable_allocsNew bounds what new flows cost: their blocks and the index are
// shared by many, and the places of ended flows are used again.
func TestTable_allocsNew(t *testing.T) {
	tests := []struct {
		name     string
		maxFlows int
		step     int64
		want     float64 // allocations per flow
	}{
		{"growing", 1_000_000, 1, 0.01},
		{"evicting", 1000, 1, 0.01},
		{"expiring", 1_000_000, int64(100 * ms), 0.01},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const flows = 100_000
			table := quietTable(t, tt.maxFlows)
			p, n := udp(0, client, server), uint32(0)
			got := testing.AllocsPerRun(1, func() {
				for range flows {
					nth(&p, n)
					p.Time += tt.step
					n++
					table.Update(&p)
				}
			}) / flows
			if got > tt.want {
				t.Errorf("a new flow allocates %v times; want <= %v", got, tt.want)
			}
			t.Logf("%v allocations per flow", got)
		})
	}
}

// TestTable_memory measures what live flows hold of the heap.
func TestTable_memory(t *testing.T) {
	const flows, want = 500_000, 256
	before := heap()
	table := quietTable(t, flows)
	p := udp(0, client, server)
	for n := range uint32(flows) {
		nth(&p, n)
		p.Time++
		table.Update(&p)
	}
	if got := table.Stats().Live; got != flows {
		t.Fatalf("Live = %d; want %d", got, flows)
	}
	got := float64(heap()-before) / flows
	runtime.KeepAlive(table)
	if got > want {
		t.Errorf("a live flow takes %.1f bytes; want <= %d", got, want)
	}
	t.Logf("%.1f bytes per live flow", got)
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
