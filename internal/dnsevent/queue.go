package dnsevent

import (
	"sync"
	"sync/atomic"
)

// Queue is a bounded queue between the server and the log writer. Push never
// waits: an entry that finds no room is dropped and counted. Push and Stats are
// safe for concurrent use; Pop is for one goroutine.
type Queue struct {
	mu     sync.Mutex
	ring   []Entry // guarded by mu, as all below
	head   int
	n      int
	closed bool
	wake   chan struct{} // capacity 1

	in, dropped atomic.Uint64
	woken       atomic.Bool // by Wake
}

// NewQueue returns a queue of size entries, of some 500 bytes each. size must be
// positive.
func NewQueue(size int) *Queue {
	return &Queue{ring: make([]Entry, size), wake: make(chan struct{}, 1)}
}

// QueueStats counts queries: In is the sum of those that Pop has returned, of
// Dropped and of Waiting.
type QueueStats struct{ In, Dropped, Waiting uint64 }

// Stats returns the counters.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{In: q.in.Load(), Dropped: q.dropped.Load(), Waiting: uint64(q.n)}
}

// Push adds a copy of an entry, with its name and its reply. It does not allocate
// once the entries of the queue have been in use.
func (q *Queue) Push(e *Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.in.Add(uint64(e.Count))
	if q.n == len(q.ring) || q.closed {
		q.dropped.Add(uint64(e.Count))
		return
	}
	slot := &q.ring[(q.head+q.n)%len(q.ring)]
	q.n++
	buf := append(append(slot.buf[:0], e.Name...), e.Reply[:min(len(e.Reply), MaxReply)]...)
	*slot = *e
	slot.buf, slot.Name, slot.Reply = buf, buf[:len(e.Name)], buf[len(e.Name):]
	if q.n == 1 || q.n == len(q.ring)/2 {
		q.signal()
	}
}

// Pop waits for entries, or for Wake, and moves them into batch. more is false
// once the queue is closed and empty.
func (q *Queue) Pop(batch []Entry) (n int, more bool) {
	for {
		n, more = q.take(batch)
		if n > 0 || !more {
			return n, more
		}
		<-q.wake
		if q.woken.Swap(false) {
			return 0, true
		}
	}
}

// take moves entries into batch, and the memory of batch into the queue.
func (q *Queue) take(batch []Entry) (n int, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n < len(batch) && q.n > 0 {
		slot := &q.ring[q.head]
		batch[n], *slot = *slot, Entry{buf: batch[n].buf}
		q.head = (q.head + 1) % len(q.ring)
		q.n--
		n++
	}
	return n, !q.closed || q.n > 0
}

// Wake lets Pop return without an entry.
func (q *Queue) Wake() {
	q.woken.Store(true)
	q.signal()
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Close lets Pop return false once everything has been taken. What is pushed
// later is dropped.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}
