package pipeline

import (
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// QueueStats counts what went through a queue. In = Out + InterimDropped +
// FinalDropped + Waiting.
type QueueStats struct {
	In, Out                      uint64
	InterimDropped, FinalDropped uint64
	Waiting                      int
	// Most is the interface that has lost the most records, MostDropped how many.
	Most        uint32
	MostDropped uint64
}

// Queue is a bounded queue of records. One goroutine pushes, one pops.
//
// An interface may fill no more of it than it leaves free: the records of a flood
// are dropped, and those of the others find room. Interim reports may fill three
// quarters of that, since a later one repeats them. A blocking queue drops nothing.
type Queue struct {
	size int
	ring *ring.Ring[flow.Record]

	mu   sync.Mutex
	lost share.Tally[uint32] // guarded by mu; by interface
}

// NewQueue returns a queue with room for size records, at least 4. A blocking
// queue makes Push wait for room, which is right for a replay, whose source can
// wait, and wrong for a live capture, where the kernel's ring cannot.
func NewQueue(size int, blocking bool) *Queue {
	size = max(size, 4)
	return &Queue{size: size, ring: ring.New(ring.Config[flow.Record]{Size: size, Block: blocking,
		Class: func(r *flow.Record) share.Class { return share.Class(r.Iface) }})}
}

// Push adds a copy of r. It reports false if r was dropped.
func (q *Queue) Push(r *flow.Record) bool {
	limit := q.size
	if !r.Final() {
		limit = q.size * 3 / 4
	}
	if q.ring.PushLimit(r, limit) {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost.Add(r.Iface, 1)
	return false
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
	q.mu.Lock()
	defer q.mu.Unlock()
	most, n := q.lost.Most()
	return QueueStats{In: s.In, Out: s.Out, InterimDropped: s.Limited, FinalDropped: s.Dropped - s.Limited, Waiting: s.Waiting,
		Most: most, MostDropped: n}
}
