package pipeline

import (
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// QueueStats counts what went through a queue. In = Out + InterimDropped +
// FinalDropped + what waits.
type QueueStats struct {
	In, Out                      uint64
	InterimDropped, FinalDropped uint64
	Waiting                      int
}

// Queue is a bounded ring of records. One goroutine pushes, one pops.
//
// When it is three quarters full, interim reports are dropped, which repeat
// themselves; when it is full, final records are, too, unless the queue is
// patient.
type Queue struct {
	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	ring     []flow.Record
	head, n  int
	patient  bool
	closed   bool
	stats    QueueStats
}

// NewQueue returns a queue with room for size records, at least 4. A patient
// queue makes Push wait for room: right for a replay, where the source can
// wait, wrong for a live capture, where the kernel's ring cannot.
func NewQueue(size int, patient bool) *Queue {
	q := &Queue{ring: make([]flow.Record, max(size, 4)), patient: patient}
	q.readable.L, q.writable.L = &q.mu, &q.mu
	return q
}

// Push adds a copy of r. It reports false where r was dropped.
func (q *Queue) Push(r *flow.Record) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.In++
	for q.patient && q.n == len(q.ring) && !q.closed {
		q.writable.Wait()
	}
	if !q.room(r.Final()) {
		if r.Final() {
			q.stats.FinalDropped++
		} else {
			q.stats.InterimDropped++
		}
		return false
	}
	q.ring[(q.head+q.n)%len(q.ring)] = *r
	q.n++
	if q.n == 1 {
		q.readable.Signal()
	}
	return true
}

func (q *Queue) room(final bool) bool {
	if q.closed {
		return false
	}
	if final || q.patient {
		return q.n < len(q.ring)
	}
	return q.n < len(q.ring)*3/4
}

// Pop moves up to len(dst) records into dst and waits for at least one. It
// returns 0 when the queue is closed and empty, or after Wake.
func (q *Queue) Pop(dst []flow.Record) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 && !q.closed {
		q.readable.Wait()
	}
	n := min(q.n, len(dst))
	for i := range n {
		dst[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.head = (q.head + n) % len(q.ring)
	q.n -= n
	q.stats.Out += uint64(n)
	if n > 0 {
		q.writable.Signal()
	}
	return n
}

// Wake makes a waiting Pop return.
func (q *Queue) Wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.readable.Broadcast()
}

// SetPatient changes what Push does when the queue is full: at shutdown a live
// queue becomes patient, because the capture has ended and can wait.
func (q *Queue) SetPatient() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.patient = true
}

// Close lets Pop return what is left and then 0. A waiting Push gives up.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.readable.Broadcast()
	q.writable.Broadcast()
}

// Done reports whether the queue is closed and empty.
func (q *Queue) Done() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.n == 0
}

// Stats returns the counters.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Waiting = q.n
	return s
}
