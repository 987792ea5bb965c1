package publish

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// How long the output may show no progress at the end before its queue is
// closed, which makes it send what waits for a full batch and gives it one more
// second. A file has nothing to wait for; a server may take its time, which
// shutdown_timeout bounds after a signal.
const (
	ackTimeoutLocal  = 25 * time.Millisecond
	ackTimeoutRemote = 24 * time.Hour
)

// Delivery is the last task of a run: it brings what was published to the output.
type Delivery struct {
	task.Started
	Clients *Clients
	Libbeat *monitoring.Registry // libbeat's own counters; may be nil
	Abort   func()               // closes libbeat's pipeline

	failed atomic.Uint64 // output failures as of the end
}

// String implements [task.Task].
func (d *Delivery) String() string { return "delivery" }

// Run waits until ctx ends, and then until the output has what was published.
func (d *Delivery) Run(ctx context.Context) error {
	d.MarkReady()
	<-ctx.Done()
	timeout := ackTimeoutRemote
	if d.Clients.Local {
		timeout = ackTimeoutLocal
	}
	d.wait(timeout, task.Late(ctx))
	for _, disconnect := range d.Clients.close {
		disconnect()
	}
	d.failed.Store(d.outputFailures()) // libbeat forgets its counters when it closes
	d.Abort()                          // sends what waits for a full batch
	d.wait(ackTimeoutLocal, task.Late(ctx))
	return nil
}

func (d *Delivery) wait(timeout time.Duration, late <-chan struct{}) {
	for _, a := range d.Clients.acks {
		a.wait(timeout, late)
	}
}

// outputFailures returns the events that libbeat has given up: refused by the
// output for good (the file output could not write them), or tried too often.
// It acknowledges both.
func (d *Delivery) outputFailures() uint64 {
	if d.Libbeat == nil {
		return 0
	}
	s := monitoring.CollectFlatSnapshot(d.Libbeat, monitoring.Full, false)
	return max(d.failed.Load(), uint64(s.Ints["output.events.dropped"]+s.Ints["pipeline.events.dropped"]))
}

// Failed returns the events that the output had refused at the end.
func (d *Delivery) Failed() uint64 { return d.failed.Load() }

// Undelivered returns how many events the output does not have, and has not taken.
func (d *Delivery) Undelivered() uint64 { return d.Clients.Missing() + d.Failed() }

// Metrics implements [metrics.Source].
func (d *Delivery) Metrics(m *metrics.Set) {
	m.Group("events")
	m.Add("output_failed", d.outputFailures())
}
