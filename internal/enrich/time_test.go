package enrich_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestEnricher_Flow_time uses the inventory of the flow's time. Before t0,
// domain 7 and 10.138.0.1 were those of one disposable; from then on, of
// another one.
func TestEnricher_Flow_time(t *testing.T) {
	t.Parallel()
	disposable := func(name string) *inventory.Snapshot {
		return &inventory.Snapshot{Qubes: []qube.Qube{{Name: name, Class: qube.ClassDisposable, XID: 7, IP: addr("10.138.0.1")}}}
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(disposable("disp1"), t0.Add(-time.Hour))
	index.Update(disposable("disp2"), t0)
	ended := func(r *flow.Record, at time.Time) *flow.Record {
		r.Start, r.End = at.UnixNano()-1e9, at.UnixNano()
		return r
	}
	tests := []struct {
		name string
		in   *flow.Record
		want result
	}{
		{"vif, before", ended(record(7, "10.138.0.1", world), t0.Add(-1)),
			result{"disp1", "10.138.0.1", "inventory", "disp1", "", "outbound"}},
		{"vif, at", ended(record(7, "10.138.0.1", world), t0),
			result{"disp2", "10.138.0.1", "inventory", "disp2", "", "outbound"}},
		{"vif, long before the first inventory", ended(record(7, "10.138.0.1", world), time.Unix(1000, 0)),
			result{"disp1", "10.138.0.1", "inventory", "disp1", "", "outbound"}},
		{"address, before", ended(record(0, world, "10.138.0.1"), t0.Add(-1)),
			result{"disp1", "10.138.0.1", "inventory", "", "disp1", "inbound"}},
		{"address, after", ended(record(0, world, "10.138.0.1"), t0.Add(time.Hour)),
			result{"disp2", "10.138.0.1", "inventory", "", "disp2", "inbound"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e event.Flow
			newEnricher(index).Flow(tt.in, &e)
			if diff := cmp.Diff(tt.want, resultOf(&e)); diff != "" {
				t.Errorf("Flow mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEnricher_Flow_noInventory names no qube but still has the client address.
func TestEnricher_Flow_noInventory(t *testing.T) {
	t.Parallel()
	var none *inventory.Index
	var e event.Flow
	newEnricher(none).Flow(record(7, "10.137.0.6", world), &e)
	want := result{"", "10.137.0.6", "unknown", "", "", "outbound"}
	if diff := cmp.Diff(want, resultOf(&e)); diff != "" {
		t.Errorf("Flow mismatch (-want +got):\n%s", diff)
	}
}
