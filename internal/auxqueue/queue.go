package auxqueue

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// size is how many events that are neither flows nor DNS may wait for the
// output. An event that does not fit is dropped and counted: the inventory must be
// followed, and counters collected, while the output is down, too.
const size = 1024

// Queue is a sink that never blocks. It is safe for concurrent use.
type Queue struct {
	task.Started
	outlet    event.Outlet
	guard     *guard.Part // may be nil
	documents chan event.Document
	dropped   atomic.Uint64
}

var (
	_ event.Sink = (*Queue)(nil) // type check
	_ task.Task  = (*Queue)(nil) // type check
)

// New returns a queue in front of an outlet, which Run alone uses. part, which may be
// nil, recovers from panics at one document, which then counts as dropped.
func New(o event.Outlet, part *guard.Part) *Queue {
	return &Queue{outlet: o, guard: part, documents: make(chan event.Document, size)}
}

// Publish implements [event.Sink]. It never blocks.
func (q *Queue) Publish(d event.Document) {
	select {
	case q.documents <- d:
	default:
		q.dropped.Add(1)
	}
}

// PublishLast publishes a document for which it waits until there is room or late is
// closed.
func (q *Queue) PublishLast(d event.Document, late <-chan struct{}) {
	select {
	case q.documents <- d:
	case <-late:
		q.dropped.Add(1)
	}
}

// String implements [task.Task].
func (q *Queue) String() string { return "publisher of other events" }

// Run hands documents to the outlet until ctx ends and none is left. It returns an
// error if it panics too often.
func (q *Queue) Run(ctx context.Context) error {
	q.MarkReady()
	for {
		select {
		case d := <-q.documents:
			q.publish(d)
		case <-q.guard.Done():
			return q.guard.Err()
		case <-ctx.Done():
			return q.drain()
		}
	}
}

func (q *Queue) publish(d event.Document) {
	if q.guard.Do(func() []byte { return describe(d) }, func() { q.outlet.Publish(d) }) != nil {
		q.dropped.Add(1)
	}
}

// describe returns a document as JSON, to be kept after a panic.
func describe(d event.Document) []byte {
	j := event.JSON{Buf: []byte{'{'}, AppendTime: func(b []byte, t time.Time) []byte { return t.AppendFormat(b, time.RFC3339Nano) }}
	j.AppendFields(d)
	return append(j.Buf, '}')
}

func (q *Queue) drain() error {
	for {
		select {
		case d := <-q.documents:
			q.publish(d)
		default:
			return nil
		}
	}
}

// Undelivered returns how many events were dropped.
func (q *Queue) Undelivered() uint64 { return q.dropped.Load() }

// Metrics implements [metrics.Source].
func (q *Queue) Metrics(m *metrics.Set) {
	m.Group("events")
	m.Add("other_acked", q.outlet.Delivery().Acked)
	m.Add("other_dropped", q.dropped.Load())
}
