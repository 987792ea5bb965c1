package flow_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_UpdateBatch gives the same records in the same order as Update does,
// whatever the sizes of the batches are.
func TestTable_UpdateBatch(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		for size := 0; size <= flow.BatchSize; size += 4 {
			t.Run(fmt.Sprintf("%s/%d", s.name, size), func(t *testing.T) {
				t.Parallel()
				one, many := newMeter(t, s.change), newMeter(t, s.change)
				g, rnd := newTraffic(11), rand.New(rand.NewSource(3))
				var batch [flow.BatchSize]packet.Packet
				for range 20_000 / flow.BatchSize {
					n := size
					if size == 0 {
						n = rnd.Intn(flow.BatchSize + 1)
					}
					for i := range n {
						g.packet(&batch[i])
						one.meter(batch[i])
					}
					many.UpdateBatch(batch[:n])
				}
				one.Flush(flow.ReasonForced)
				many.Flush(flow.ReasonForced)
				if !slices.Equal(one.records, many.records) || one.Stats() != many.Stats() {
					t.Errorf("UpdateBatch: %+v; want as Update: %+v", many.Stats(), one.Stats())
				}
				checkStats(t, many)
			})
		}
	}
}

// TestTable_UpdateBatch_order meters a batch one packet after the other: one may
// end or open the flow of the next.
func TestTable_UpdateBatch_order(t *testing.T) {
	t.Parallel()
	batch := append(finished(0), tcp(10*ms, client, server, packet.SYN), tcp(40*sec, client, server, packet.ACK))
	m := newMeter(t)
	m.UpdateBatch(batch)
	m.Flush(flow.ReasonForced)
	const name = "10.137.0.6:40000 > 1.1.1.1:443 6 "
	m.want(t, name+"4/2 end closed", name+"1/0 idle syn_sent", name+"1/0 forced midstream")
}

// TestTable_UpdateBatch_allocs is not parallel, because AllocsPerRun
// must not be.
func TestTable_UpdateBatch_allocs(t *testing.T) {
	table := quietTable(t, 1000)
	batch := append(handshake(0, client, server), udp(0, client, server), in(udp(0, client, server), "10.0.0.1", "10.0.0.2", 1))
	table.UpdateBatch(batch)
	if n := testing.AllocsPerRun(10_000, func() { table.UpdateBatch(batch) }); n != 0 {
		t.Errorf("UpdateBatch allocates %v times; want 0", n)
	}
}

// BenchmarkTable_UpdateBatch is BenchmarkTable_Update in batches; one operation
// is one packet.
func BenchmarkTable_UpdateBatch(b *testing.B) {
	for _, flows := range []int{1, 1000, 50_000, 500_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			b.ReportAllocs()
			table, p, order := liveTable(b, flows)
			var batch [flow.BatchSize]packet.Packet
			for i := range batch {
				batch[i] = p
			}
			i, n := 0, 0
			for b.Loop() {
				nth(&batch[n], order[i&(len(order)-1)])
				p.Time += 100
				batch[n].Time = p.Time
				i++
				if n++; n == len(batch) {
					table.UpdateBatch(batch[:])
					n = 0
				}
			}
		})
	}
}
