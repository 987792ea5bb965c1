package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// marksOf meters a batch, returns the mark that each packet finds, and leaves a new one in
// those that have none.
func marksOf(m *meter, number *uint32, ps ...packet.Packet) (found []uint32) {
	var refs [flow.BatchSize]flow.Ref
	m.UpdateBatchRefs(ps, &refs)
	for i := range ps {
		mark := refs[i].Mark()
		if mark.Generation == 0 {
			*number++
			*mark = flow.MarkOf(1, *number)
		}
		found = append(found, mark.Slot())
	}
	return found
}

// TestTable_UpdateBatchRefs keeps the mark of a flow as long as it lives, over an active
// timeout, too, and gives each new flow the zero mark, also one on the ports of another or
// in the place of one that has ended in the same batch.
func TestTable_UpdateBatchRefs(t *testing.T) {
	t.Parallel()
	const other = "10.137.0.9:1111"
	for _, tt := range []struct {
		name   string
		change func(*flow.Config)
		in     [][]packet.Packet
		want   [][]uint32
	}{
		{"one flow", nil, [][]packet.Packet{{udp(0, client, server), udp(ms, server, client)}, {udp(2*ms, client, server)}}, [][]uint32{{1, 1}, {1}}},
		{"active timeout", func(c *flow.Config) { c.ActiveTimeout = 40 * sec },
			[][]packet.Packet{{udp(0, client, server)}, {udp(25*sec, client, server)}, {udp(50*sec, client, server), udp(51*sec, client, server)}},
			[][]uint32{{1}, {1}, {1, 1}}},
		{"same ports again", nil, [][]packet.Packet{append(finished(0), tcp(10*ms, client, server, packet.SYN), tcp(11*ms, server, client, packet.SYN|packet.ACK))},
			[][]uint32{append(slices.Repeat([]uint32{1}, len(finished(0))), 2, 2)}},
		{"evicted in the batch", func(c *flow.Config) { c.MaxFlows = 1 },
			[][]packet.Packet{{udp(0, client, server), udp(ms, other, server), udp(2*ms, client, server)}, {udp(3*ms, client, server)}, {udp(4*ms, other, server)}},
			[][]uint32{{1, 2, 3}, {3}, {4}}},
		{"expired in the batch", nil, [][]packet.Packet{{udp(0, client, server), udp(2*60*sec, other, server)}, {udp(2*60*sec, client, server)}},
			[][]uint32{{1, 2}, {3}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, number := newMeter(t), uint32(0)
			if tt.change != nil {
				m = newMeter(t, tt.change)
			}
			var got [][]uint32
			for _, batch := range tt.in {
				got = append(got, marksOf(m, &number, batch...))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("marks mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTable_UpdateBatchRefs_records makes the same records as UpdateBatch, in another order
// where they come from the places of the table. What evicts a sample of the places may
// evict another flow, so that only tables that do not are compared.
func TestTable_UpdateBatchRefs_records(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		if s.name == "full" || s.name == "everything" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			one, many := newMeter(t, s.change), newMeter(t, s.change)
			g := newTraffic(12)
			var batch [flow.BatchSize]packet.Packet
			var refs [flow.BatchSize]flow.Ref
			for range 20_000 / flow.BatchSize {
				for i := range batch {
					g.packet(&batch[i])
					one.meter(batch[i])
				}
				many.UpdateBatchRefs(batch[:], &refs)
			}
			one.Flush(flow.ReasonForced)
			many.Flush(flow.ReasonForced)
			if one.Stats() != many.Stats() || !slices.Equal(sorted(one.records), sorted(many.records)) {
				t.Errorf("UpdateBatchRefs: %+v; want as Update: %+v", many.Stats(), one.Stats())
			}
		})
	}
}

// sorted returns records as text, in an order that does not depend on that of the records.
func sorted(records []flow.Record) (all []string) {
	for i := range records {
		all = append(all, fmt.Sprint(records[i]))
	}
	slices.Sort(all)
	return all
}

// TestTable_Describe describes a flow as its record does.
func TestTable_Describe(t *testing.T) {
	t.Parallel()
	m := newMeter(t)
	batch := []packet.Packet{udp(0, client, server), in(udp(0, client, server), "10.0.0.1", "10.0.0.2", 5), icmp(0, pinger, pinged, 8, 0, 1)}
	var refs [flow.BatchSize]flow.Ref
	m.UpdateBatchRefs(batch, &refs)
	got := make([]flow.Record, len(batch))
	for i := range got {
		m.Describe(refs[i], &got[i])
		got[i].Reason = flow.ReasonForced
	}
	m.Flush(flow.ReasonForced)
	if diff := cmp.Diff(m.records, got); diff != "" {
		t.Errorf("records mismatch (-want +got):\n%s", diff)
	}
}

// TestTable_UpdateBatchRefs_allocs is not parallel, because AllocsPerRun must not be.
func TestTable_UpdateBatchRefs_allocs(t *testing.T) {
	table := quietTable(t, 1000)
	batch := append(handshake(0, client, server), udp(0, client, server), in(udp(0, client, server), "10.0.0.1", "10.0.0.2", 1))
	var refs [flow.BatchSize]flow.Ref
	if n := testing.AllocsPerRun(10_000, func() { table.UpdateBatchRefs(batch, &refs) }); n != 0 {
		t.Errorf("UpdateBatchRefs allocates %v times; want 0", n)
	}
	if (flow.Ref{}).Mark() != nil {
		t.Error("the zero Ref has a mark")
	}
}
