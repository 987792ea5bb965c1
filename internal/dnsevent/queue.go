package dnsevent

import (
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
)

// Queue is a bounded queue between the server and the log writer. Push never
// waits: an entry that finds no room is dropped and counted. Push, Close, Done and
// Stats are safe for concurrent use; Pop is for one goroutine.
type Queue struct {
	size int
	ring *ring.Ring[Entry] // counts entries

	// more counts the queries of entries beyond the first of each. Such entries are
	// rare, so that a query pays for the ring's lock only.
	mu   sync.Mutex // held while one of them is pushed
	more QueueStats // guarded by mu
}

// NewQueue returns a queue of size entries, of some 500 bytes each. size must be
// positive.
func NewQueue(size int) *Queue {
	return &Queue{size: size, ring: ring.New(ring.Config[Entry]{Size: size, Swap: true})}
}

// QueueStats counts queries: In = Out + Dropped + Waiting.
type QueueStats struct{ In, Out, Dropped, Waiting uint64 }

// Stats returns the counters.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.ring.Stats()
	return QueueStats{In: s.In + q.more.In, Out: s.Out + q.more.Out, Dropped: s.Dropped + q.more.Dropped,
		Waiting: uint64(s.Waiting) + q.more.Waiting}
}

// Push adds a copy of an entry, with its name and its reply. It does not allocate
// once the entries of the queue have been in use.
func (q *Queue) Push(e *Entry) {
	if e.Count == 1 {
		q.push(e)
		return
	}
	more := uint64(e.Count) - 1
	q.mu.Lock()
	defer q.mu.Unlock()
	q.more.In += more
	if q.push(e) {
		q.more.Waiting += more
	} else {
		q.more.Dropped += more
	}
}

func (q *Queue) push(e *Entry) bool {
	slot := q.ring.Reserve(q.size)
	if slot == nil {
		return false
	}
	buf := append(append(slot.buf[:0], e.Name...), e.Reply[:min(len(e.Reply), MaxReply)]...)
	*slot = *e
	slot.buf, slot.Name, slot.Reply = buf, buf[:len(e.Name)], buf[len(e.Name):]
	q.ring.Commit()
	return true
}

// Pop moves up to len(batch) entries into batch, and the memory of batch into the
// queue, and returns how many. It waits for at least one, and returns 0 at the
// deadline or when the queue is closed and empty: see [Queue.Done]. The zero
// deadline is none.
func (q *Queue) Pop(batch []Entry, deadline time.Time) int {
	for i := range batch {
		if e := &batch[i]; e.Count > 0 { // no slot may refer to the lists and qubes of the past
			*e = Entry{buf: e.buf}
		}
	}
	n := q.ring.Pop(batch, deadline)
	more := uint64(0)
	for i := range batch[:n] {
		more += uint64(batch[i].Count) - 1
	}
	if more != 0 {
		q.mu.Lock()
		q.more.Waiting -= more
		q.more.Out += more
		q.mu.Unlock()
	}
	return n
}

// Close lets Pop return what is left and then 0. What is pushed later is dropped.
func (q *Queue) Close() { q.ring.Close() }

// Done reports whether the queue is closed and empty.
func (q *Queue) Done() bool { return q.ring.Done() }
