package pipeline

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/ring"
)

// QueueStats counts what went through a queue. In = Out + InterimDropped +
// FinalDropped + Waiting.
type QueueStats struct {
	In, Out                      uint64
	InterimDropped, FinalDropped uint64
	Waiting                      int
}

// Queue is a bounded queue of records. One goroutine pushes, one pops.
//
// When it is three quarters full, interim reports are dropped, since a later one
// repeats them; when it is full, final records are dropped, too, unless the queue
// is blocking.
type Queue struct {
	size int
	ring *ring.Ring[flow.Record]
}

// NewQueue returns a queue with room for size records, at least 4. A blocking
// queue makes Push wait for room, which is right for a replay, whose source can
// wait, and wrong for a live capture, where the kernel's ring cannot.
func NewQueue(size int, blocking bool) *Queue {
	size = max(size, 4)
	return &Queue{size: size, ring: ring.New(ring.Config[flow.Record]{Size: size, Block: blocking})}
}

// Push adds a copy of r. It reports false if r was dropped.
func (q *Queue) Push(r *flow.Record) bool {
	if r.Final() {
		return q.ring.Push(r)
	}
	return q.ring.PushLimit(r, q.size*3/4)
}

// Pop moves up to len(dst) records into dst and waits for at least one. It
// returns 0 when the queue is closed and empty, or after Wake.
func (q *Queue) Pop(dst []flow.Record) int { return q.ring.Pop(dst, time.Time{}) }

// PopUntil is Pop with a deadline, at which it returns 0. The zero time is no
// deadline.
func (q *Queue) PopUntil(dst []flow.Record, deadline time.Time) int { return q.ring.Pop(dst, deadline) }

// Wake makes a waiting Pop return, or else the next one.
func (q *Queue) Wake() { q.ring.Wake() }

// SetBlocking makes Push wait for room from now on: at shutdown the capture has
// ended and can wait.
func (q *Queue) SetBlocking() { q.ring.SetBlock() }

// Close lets Pop return what is left and then 0. A waiting Push gives up.
func (q *Queue) Close() { q.ring.Close() }

// Done reports whether the queue is closed and empty.
func (q *Queue) Done() bool { return q.ring.Done() }

// Stats returns the counters.
func (q *Queue) Stats() QueueStats {
	s := q.ring.Stats()
	return QueueStats{In: s.In, Out: s.Out, InterimDropped: s.Limited, FinalDropped: s.Dropped - s.Limited, Waiting: s.Waiting}
}
