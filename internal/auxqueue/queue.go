package auxqueue

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/share"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// size is how many events that are neither flows nor DNS, some hundred bytes each, may
// wait for the output. An event that does not fit is dropped and counted: the inventory
// must be followed, and counters collected, while the output is down, too.
const size = 2048

// Queue is a sink that never blocks. It is safe for concurrent use.
type Queue struct {
	task.Started
	outlet    event.Outlet
	guard     *guard.Part // may be nil
	documents chan waiting
	dropped   atomic.Uint64

	mu   sync.Mutex
	room *share.Pool[string] // guarded by mu; places in documents, by observation point
	lost share.Tally[string] // guarded by mu; of those dropped, by observation point
}

// waiting is a document, and whose share of the queue it takes: that of its
// observation point, or "" if it is the beat's own.
type waiting struct {
	event.Document
	point string
}

var (
	_ event.Sink = (*Queue)(nil) // type check
	_ task.Task  = (*Queue)(nil) // type check
)

// New returns a queue in front of an outlet, which Run alone uses. part, which may be
// nil, recovers from panics at one document, which then counts as dropped.
func New(o event.Outlet, part *guard.Part) *Queue {
	return &Queue{outlet: o, guard: part, documents: make(chan waiting, size+1), room: share.NewPool[string](size)}
}

// Publish implements [event.Sink]. It never blocks. The verdicts and findings of one
// qube may fill no more of the queue than they leave free.
func (q *Queue) Publish(d event.Document) {
	w := waiting{d, pointOf(d)}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.room.Take(w.point, 1) {
		q.drop(w.point)
		return
	}
	q.documents <- w // there is a place: only PublishLast takes one without asking
}

// PublishLast publishes the last document, for which there is always room. It must be
// called once.
func (q *Queue) PublishLast(d event.Document) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room.Add("", 1)
	q.documents <- waiting{Document: d}
}

// drop counts a document that was dropped. It is called with mu held.
func (q *Queue) drop(point string) {
	q.dropped.Add(1)
	q.lost.Add(point, 1)
}

// pointOf returns the observation point of a document, "" if it has none.
func pointOf(d event.Document) string {
	if p, ok := d.(interface{ ObservationPoint() string }); ok {
		return p.ObservationPoint()
	}
	return ""
}

// taken gives back the place of a document.
func (q *Queue) taken(w *waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room.Give(w.point, 1)
}

// String implements [task.Task].
func (q *Queue) String() string { return "publisher of other events" }

// Run hands documents to the outlet until ctx ends and none is left. It returns an
// error if it panics too often.
func (q *Queue) Run(ctx context.Context) error {
	q.MarkReady()
	for {
		select {
		case w := <-q.documents:
			q.publish(&w)
		case <-q.guard.Done():
			return q.guard.Err()
		case <-ctx.Done():
			return q.drain()
		}
	}
}

func (q *Queue) publish(w *waiting) {
	q.taken(w)
	d := w.Document
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
		case w := <-q.documents:
			q.publish(&w)
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
	q.mu.Lock()
	defer q.mu.Unlock()
	if point, n := q.lost.Most(); n > 0 {
		m.Text("other_dropped_most_interface", point)
	}
}
