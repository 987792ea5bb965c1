package flow_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// numbered returns a packet of flow n of an interface.
func numbered(when time.Duration, iface, n uint32) packet.Packet {
	src := netip.AddrFrom4([4]byte{10, 137, byte(iface), byte(n >> 16)})
	p := pkt(when, packet.ProtoUDP, netip.AddrPortFrom(src, uint16(n)).String(), "1.1.1.1:53")
	p.Iface = iface
	return p
}

// TestTable_evict makes room in a full table, and counts what it throws out.
func TestTable_evict(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 15, 16, 17, 100} {
		m := newMeter(t, func(c *flow.Config) { c.MaxFlows = size })
		const n = 500
		for i := range uint32(n) {
			m.meter(numbered(time.Duration(i), 1, i))
			if got := m.Stats().Live; got > size {
				t.Fatalf("%d flows live; want at most %d", got, size)
			}
		}
		if got := m.Stats().Records[flow.ReasonEvicted]; got != uint64(n-size) {
			t.Errorf("size %d: %d evicted; want %d", size, got, n-size)
		}
		m.Flush(flow.ReasonForced)
		if packets, _ := sums(m.records); packets != n {
			t.Errorf("size %d: %d packets in the records; want %d", size, packets, n)
		}
	}
}

// TestTable_evictFair floods the table from one vif while another one has 50
// flows with traffic. The flood evicts its own flows.
func TestTable_evictFair(t *testing.T) {
	t.Parallel()
	const quiet, flood, flows, want = 1, 2, 50, 48
	tests := []struct {
		name  string
		first int // flows of the flood before those of the quiet vif
		mixed bool
		size  int
	}{
		{"quiet one first", 0, false, 1000},
		{"quiet one in between", 500, false, 1000},
		{"quiet one when the table is full", 1200, false, 1000},
		{"places taken in turn", 0, true, 1000},
		{"a size that the stride of the sample fits badly", 0, false, 240},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t, func(c *flow.Config) { c.MaxFlows = tt.size })
			sent, clock, next := uint64(0), time.Duration(0), uint32(0)
			send := func(iface, n uint32) {
				m.meter(numbered(clock, iface, n))
				clock, sent = clock+10*time.Microsecond, sent+1
			}
			for range tt.first {
				send(flood, next)
				next++
			}
			for n := range uint32(flows) {
				send(quiet, n)
				if tt.mixed {
					send(flood, next)
					next++
				}
			}
			m.records = nil
			for ; next < 100_000; next++ {
				send(flood, next)
				if next%20 == 0 {
					send(quiet, next/20%flows)
				}
			}
			evicted := evictedFlows(m.records, quiet)
			if survived := flows - len(evicted); survived < want {
				t.Errorf("%d of %d flows of the quiet vif survived the flood of another; want at least %d", survived, flows, want)
			}
			m.Flush(flow.ReasonForced)
			if got := m.Stats(); got.Packets != sent || got.Live != 0 {
				t.Errorf("Stats = %+v; want %d packets, none live", got, sent)
			}
		})
	}
}

// evictedFlows returns the source ports of the flows of an interface that were
// evicted.
func evictedFlows(records []flow.Record, iface uint32) map[uint16]bool {
	ports := map[uint16]bool{}
	for i := range records {
		if r := &records[i]; r.Iface == iface && r.Reason == flow.ReasonEvicted {
			ports[r.Source.Port] = true
		}
	}
	return ports
}

// TestTable_evictConserves counts every packet of a flood in some record.
func TestTable_evictConserves(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 100 })
	for i := range uint32(20_000) {
		m.meter(numbered(time.Duration(i)*10*time.Microsecond, i%7, i%1500))
	}
	m.Flush(flow.ReasonForced)
	if packets, bytes := sums(m.records); packets != 20_000 || bytes != 2_000_000 {
		t.Errorf("%d packets, %d bytes in the records; want 20000, 2000000", packets, bytes)
	}
}

// TestTable_evictSilent takes the longest silent flow of the sample that it looks
// at.
func TestTable_evictSilent(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 8 }) // fewer than one sample
	for n := range uint32(8) {
		m.meter(numbered(time.Duration(n)*ms, 1, n))
	}
	m.meter(numbered(sec, 1, 0), numbered(2*sec, 1, 99))
	m.want(t, "10.137.1.0:1 > 1.1.1.1:53 17 1/0 evicted")
}
