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
	// Timeout is how long the output may show no progress at the end, 0 for what suits the
	// output of a beat.
	Timeout time.Duration

	failed, duplicates atomic.Uint64 // as of the end
}

// String implements [task.Task].
func (d *Delivery) String() string { return "delivery" }

// Run waits until ctx ends, and then until the output has what was published.
func (d *Delivery) Run(ctx context.Context) error {
	d.MarkReady()
	<-ctx.Done()
	d.wait(d.timeout(), task.Late(ctx))
	for _, disconnect := range d.Clients.close {
		disconnect()
	}
	d.failed.Store(d.outputFailures()) // libbeat forgets its counters when it closes
	d.duplicates.Store(d.Duplicates())
	d.Abort() // sends what waits for a full batch
	d.wait(ackTimeoutLocal, task.Late(ctx))
	return nil
}

// timeout returns how long the output may show no progress.
func (d *Delivery) timeout() time.Duration {
	switch {
	case d.Timeout > 0:
		return d.Timeout
	case d.Clients.Local:
		return ackTimeoutLocal
	}
	return ackTimeoutRemote
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
	return max(d.failed.Load(), d.libbeat("output.events.dropped")+d.libbeat("pipeline.events.dropped"))
}

// Duplicates returns the events that Elasticsearch had already, by their ids. It is safe
// for concurrent use.
func (d *Delivery) Duplicates() uint64 {
	return max(d.duplicates.Load(), d.libbeat("output.events.duplicates"))
}

// libbeat returns one of libbeat's counters.
func (d *Delivery) libbeat(name string) uint64 {
	if d.Libbeat == nil {
		return 0
	}
	return uint64(monitoring.CollectFlatSnapshot(d.Libbeat, monitoring.Full, false).Ints[name])
}

// Failed returns the events that the output has refused, by the end or by now. It is safe
// for concurrent use.
func (d *Delivery) Failed() uint64 { return d.outputFailures() }

// Undelivered returns how many events the output does not have, and has not taken.
func (d *Delivery) Undelivered() uint64 { return d.Clients.Missing() + d.Failed() }

// Metrics implements [metrics.Source].
func (d *Delivery) Metrics(m *metrics.Set) {
	m.Group("events")
	m.Add("output_failed", d.outputFailures())
}
