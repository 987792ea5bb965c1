package stats_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/version"
	"github.com/qubesbeat/qubesbeat/module/stats"
)

func count(group, name string, value uint64) event.Counter {
	return event.Counter{Group: group, Name: name, Value: value}
}

// TestDocument_Write writes the counters by group.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	started := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	at := started.Add(30 * time.Second)
	tests := []struct {
		name string
		in   event.Stats
		want map[string]any // below stats
	}{
		{"none", event.Stats{}, map[string]any{"last": false}},
		{"one group", event.Stats{Counters: []event.Counter{count("flows", "packets", 1), count("flows", "bytes", 1<<63)}},
			map[string]any{"last": false, "flows": map[string]any{"packets": uint64(1), "bytes": uint64(1 << 63)}}},
		{"two groups, last", event.Stats{Last: true, Counters: []event.Counter{count("capture", "frames", 3), count("flows", "packets", 2)}},
			map[string]any{"last": true, "capture": map[string]any{"frames": uint64(3)}, "flows": map[string]any{"packets": uint64(2)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.in.At, tt.in.Started = at, started
			d := &stats.Document{Stats: tt.in}
			want := map[string]any{
				"type": "stats",
				"event": map[string]any{"kind": "metric", "category": []string{"host"}, "type": []string{"info"},
					"module": "qubesbeat", "dataset": "qubesbeat.stats", "start": started, "end": at},
				"stats":    tt.want,
				"observer": map[string]any{"product": "qubesbeat", "version": version.Version},
			}
			if diff := cmp.Diff(want, event.ToMap(d)); diff != "" {
				t.Errorf("document mismatch (-want +got):\n%s", diff)
			}
			if d.Final() != tt.in.Last || !d.Time().Equal(at) {
				t.Errorf("Final, Time = %v, %v; want %v, %v", d.Final(), d.Time(), tt.in.Last, at)
			}
		})
	}
}
