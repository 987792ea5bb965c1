package flow_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// TestTable_FlushFewest reports the interfaces with few flows first.
func TestTable_FlushFewest(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 100 })
	for n, iface := range []uint32{6, 6, 7, 6, 8, 8, 6, 5} {
		m.meter(numbered(time.Duration(n), iface, uint32(n)))
	}
	m.FlushFewest(flow.ReasonForced)
	var got []uint32
	for i := range m.records {
		got = append(got, m.records[i].Iface)
	}
	if diff := cmp.Diff([]uint32{5, 7, 8, 8, 6, 6, 6, 6}, got); diff != "" || m.Stats().Live != 0 {
		t.Errorf("%d left; interfaces mismatch (-want +got):\n%s", m.Stats().Live, diff)
	}
}
