package stats_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/module/stats"
)

// sink keeps what is published.
type sink struct{ documents []event.Document }

func (s *sink) Publish(d event.Document) { s.documents = append(s.documents, d) }

// TestService publishes the counters every period, and once more at the end.
func TestService(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		period time.Duration
		want   int // documents within 100 s, before the last
	}{{"periodic", 30 * time.Second, 3}, {"only the last", 0, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var regular, last sink
				s := stats.New(stats.Config{Period: tt.period, Started: time.Now()}, stats.Deps{Sink: &regular,
					Collect:     func() []event.Counter { return []event.Counter{count("flows", "packets", 7)} },
					PublishLast: last.Publish})
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
				defer cancel()
				if err := s.Run(ctx); err != nil {
					t.Errorf("Run = %v", err)
				}
				if n := len(regular.documents); n != tt.want {
					t.Errorf("%d documents; want %d", n, tt.want)
				}
				if len(last.documents) != 1 || !last.documents[0].Final() {
					t.Errorf("last documents = %v; want one, final", last.documents)
				}
				for _, d := range regular.documents {
					if d.Final() || len(d.(*stats.Document).Counters) != 1 {
						t.Errorf("document %+v; want an interim one with the counter", d)
					}
				}
			})
		})
	}
}
