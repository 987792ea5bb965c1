//go:build linux

package live_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// checkBalance checks the equations of docs/architecture.md ("Losing nothing") for
// the last stats event.
func checkBalance(t *testing.T, events beat.Events) {
	t.Helper()
	for _, e := range events {
		if e.Text("event.dataset") != "qubesbeat.stats" || !e.Flag("stats.last") {
			continue
		}
		sum := func(names ...string) (n uint64) {
			for _, name := range names {
				n += e.Number("stats." + name)
			}
			return n
		}
		for _, eq := range []struct {
			what        string
			left, right uint64
		}{
			{"frames", sum("capture.frames"), sum("flows.packets", "capture.non_ip_frames", "capture.truncated_frames",
				"capture.malformed_frames", "capture.unsupported_frames")},
			{"records", sum("events.queued"), sum("flows.interim", "flows.ended_idle", "flows.ended_active",
				"flows.ended_end", "flows.ended_forced", "flows.ended_evicted")},
			{"queue", sum("events.queued"), sum("events.published", "events.queue_dropped_interim",
				"events.queue_dropped_final", "events.held", "events.waiting")},
			{"output", sum("events.published"), sum("events.acked", "events.filtered", "events.pending",
				"events.summarized", "events.dropped_at_stop")},
		} {
			if eq.left != eq.right {
				t.Errorf("%s do not balance: %d in, %d out", eq.what, eq.left, eq.right)
			}
		}
		return
	}
	t.Error("no last stats event")
}
