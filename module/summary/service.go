// Package summary keeps the history of the qubes apart: a client that causes more
// events than its share of the output gets one event per dataset and minute instead,
// which counts the others.
package summary

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/quota"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Config holds the settings of a [Service].
type Config struct {
	// Burst is how many bytes of events a client may cause at once, and PerDay how many
	// more in a day.
	Burst, PerDay int64
}

// Deps are what a [Service] needs of others.
type Deps struct {
	// Outlet takes the summaries. Only Run uses it.
	Outlet event.Outlet
	// Guard recovers from panics at one summary. It may be nil.
	Guard *guard.Keeper
}

// Service decides which events go out as they are, and publishes summaries of the
// others. A nil Service lets all of them out.
type Service struct {
	task.Started
	deps   Deps
	ledger *quota.Ledger
	part   *guard.Part
	lost   atomic.Uint64 // summaries, by a panic
}

// Period is the time between two summaries of the same client and dataset.
const Period = time.Minute

// part is the name of the part that publishes summaries.
const part = "events/summaries"

// New returns a service in which every client has its whole burst.
func New(conf Config, deps Deps) *Service {
	started := time.Now()
	return &Service{deps: deps, part: deps.Guard.Part(part), ledger: quota.New(quota.Config{Burst: conf.Burst, PerDay: conf.PerDay,
		Now: func() int64 { return int64(time.Since(started)) }})} // monotonic
}

// String implements [task.Task].
func (s *Service) String() string { return "event summaries" }

// Run publishes summaries every minute until ctx ends, and then those of the last
// minute. All that publishes events should have stopped by then.
func (s *Service) Run(ctx context.Context) error {
	s.MarkReady()
	ticker := time.NewTicker(Period)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.publish()
		case <-s.part.Done():
			return s.part.Err()
		case <-ctx.Done():
			s.publish()
			return nil
		}
	}
}

// publish publishes the summaries of the time since the last call. It blocks while
// the output does; what is to be summarized meanwhile goes into the next summaries.
func (s *Service) publish() {
	for _, one := range s.ledger.Close() {
		if s.part.Do(nil, func() { s.deps.Outlet.Publish(Document{one}) }) != nil {
			s.lost.Add(1)
		}
	}
}

// Admit reports whether an event that is no document goes out as it is. Otherwise it
// has been counted in a summary.
func (s *Service) Admit(a *event.Account) bool { return s == nil || s.ledger.Admit(a) }

// Wrap returns an outlet that publishes through o what goes out as it is. Documents
// that are not [event.Countable] always do.
func (s *Service) Wrap(o event.Outlet) event.Outlet {
	if s == nil {
		return o
	}
	return &outlet{Outlet: o, ledger: s.ledger}
}

// Undelivered returns how many summaries were lost.
func (s *Service) Undelivered() uint64 { return s.lost.Load() }

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	l := s.ledger.Stats()
	m.Group("summary")
	m.Add("admitted", l.Admitted)
	m.Add("admitted_bytes", l.AdmittedBytes)
	m.Add("summarized", l.Summarized)
	m.Add("summarized_bytes", l.SummarizedBytes)
	m.Add("summaries", l.Summaries)
	m.Add("lost", s.lost.Load())
}
