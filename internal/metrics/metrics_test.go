package metrics_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

type source func(*metrics.Set)

func (f source) Metrics(s *metrics.Set) { f(s) }

// TestCollect keeps the counters of a group together, in the order in which the
// groups were opened first.
func TestCollect(t *testing.T) {
	t.Parallel()
	got := metrics.Collect(
		source(func(s *metrics.Set) { s.Group("events"); s.Add("queued", 3) }),
		source(func(s *metrics.Set) { s.Group("resolver"); s.Flag("up", true); s.Flag("down", false) }),
		source(func(s *metrics.Set) { s.Group("events"); s.Add("failed", 1) }))
	want := []event.Counter{{Group: "events", Name: "queued", Value: 3}, {Group: "events", Name: "failed", Value: 1},
		{Group: "resolver", Name: "up", Value: 1}, {Group: "resolver", Name: "down", Value: 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Collect mismatch (-want +got):\n%s", diff)
	}
}
