package beater

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/beater/settings"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/flow"
	"github.com/qubesbeat/qubesbeat/module/transaction"
)

// run is one run of the beat: its services in the order in which they stop, which is
// that of the data's way, and what connects them to libbeat.
type run struct {
	settings *settings.Settings
	log      *slog.Logger
	stderr   io.Writer
	started  time.Time
	live     bool // as opposed to a replay
	refused  string

	clients  *publish.Clients
	flows    *flow.Service
	analyzed *transaction.Service // nil if nothing is analyzed
	delivery *publish.Delivery
	tasks    []task.Task
	counters []metrics.Source // in the order of the stats event
}

// opener is a service that opens files, sockets or devices before it runs.
type opener interface{ Open() error }

// loser counts events that did not reach the output.
type loser interface{ Undelivered() uint64 }

// newRun builds the services and opens what they need.
func (q *Qubesbeat) newRun(b *beat.Beat) (*run, error) {
	r := &run{settings: q.settings, log: publish.NewLogger(q.log), stderr: os.Stderr, started: time.Now(),
		clients: &publish.Clients{Pipeline: q.pipeline.Pipeline, Form: q.form, Sensor: b.Info.Name,
			Local: publish.IsLocal(b.Config.Output.Name()), Capacity: publish.Capacity(b.Config.Output)}}
	r.delivery = &publish.Delivery{Clients: r.clients, Libbeat: b.Monitoring.StatsRegistry().GetRegistry("libbeat"),
		Abort: func() { _ = q.pipeline.Abort() }}
	flags := q.options.Flags.merge(&q.settings.Interfaces[0])
	r.live, r.refused = len(flags.Files) == 0, q.options.refused
	build := builder{run: r, beat: q, root: b.Info.Beat, flags: flags,
		guard: guard.New(guard.Config{Dir: filepath.Join(dataDir(), "crashes"), Logger: r.log})}
	build.guard.Inject(os.Getenv(guard.TestPanicVariable))
	if err := build.build(); err != nil {
		return nil, err
	}
	for _, t := range slices.Backward(r.tasks) { // the inventory before those that ask it
		if o, ok := t.(opener); ok {
			if err := o.Open(); err != nil {
				return nil, err
			}
		}
	}
	publish.ShowMetrics(b.Monitoring.StatsRegistry(), r.counters)
	return r, nil
}

// run runs the services until the source or ctx ends.
func (r *run) run(ctx context.Context) error {
	stopProgress := r.startProgress()
	group := task.NewGroup(task.Config{Tasks: r.tasks, Timeout: r.settings.ShutdownTimeout.D(),
		OnLate: r.delivery.Abort, Notify: task.Notify, Logger: r.log})
	fault := group.Run(ctx)
	stopProgress()
	lost := r.lost()
	if !r.live {
		r.summarize(fault)
		return errors.Join(fault, lost)
	}
	if lost != nil { // a live run whose output could not be reached at the end has done what it could
		r.log.Error("stopped with losses", "error", lost.Error())
	}
	return fault
}

// undelivered returns the number of events that were left behind at the end.
func (r *run) undelivered() uint64 {
	var n uint64
	for _, t := range r.tasks {
		if l, ok := t.(loser); ok {
			n += l.Undelivered()
		}
	}
	return n
}

// lost returns an error if events were left behind at the end.
func (r *run) lost() error {
	if n := r.undelivered(); n > 0 {
		return fmt.Errorf("%d events did not reach the output", n)
	}
	return nil
}
