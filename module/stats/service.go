package stats

import (
	"context"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Config holds the settings of a [Service].
type Config struct {
	Period  time.Duration // between two events; 0 or less means only one, at the end
	Started time.Time     // of the program
}

// Deps are what a [Service] needs of others. All are required.
type Deps struct {
	// Collect returns the counters of the whole program. It is called from Run.
	Collect func() []event.Counter
	Sink    event.Sink
	// PublishLast publishes the last event, for which there must be room.
	PublishLast func(event.Document)
}

// Service publishes the counters of the program.
type Service struct {
	task.Started
	conf Config
	deps Deps
}

// New returns a service.
func New(conf Config, deps Deps) *Service { return &Service{conf: conf, deps: deps} }

// String implements [task.Task].
func (s *Service) String() string { return "stats" }

// Run publishes an event every period until ctx ends, and then a last one. All that
// counts should have stopped by then.
func (s *Service) Run(ctx context.Context) error {
	s.MarkReady()
	var tick <-chan time.Time
	if s.conf.Period > 0 {
		ticker := time.NewTicker(s.conf.Period)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			s.deps.PublishLast(s.document(true))
			return nil
		case <-tick:
			s.deps.Sink.Publish(s.document(false))
		}
	}
}

func (s *Service) document(last bool) *Document {
	return &Document{event.Stats{At: time.Now().UTC(), Started: s.conf.Started.UTC(), Last: last, Counters: s.deps.Collect()}}
}
