package dnsevent

import (
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Queue is a bounded queue between the server and the log writer. Reserve never
// waits: an entry that finds no room is dropped and counted. Pop is for one goroutine;
// the other methods are safe for concurrent use.
type Queue struct {
	size int
	ring *ring.Ring[Entry] // counts entries

	// more counts the queries of entries beyond the first of each. Such entries are
	// rare, so that a query pays for the ring's lock only.
	mu   sync.Mutex // held while one of them is added
	more QueueStats // guarded by mu
}

// NewQueue returns a queue of size entries, of some 500 bytes each. size must be
// positive. A client may fill no more of it than it leaves free, so that the queries of
// others are logged while one qube floods.
func NewQueue(size int) *Queue {
	return &Queue{size: size, ring: ring.New(ring.Config[Entry]{Size: size, Swap: true, Class: (*Entry).Claimant})}
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

// Reserve returns the next entry, to be filled in place, for count queries of a client,
// at least one. The entry must get the client's Iface and From. It locks the queue until [Queue.Commit], which must follow at once. It returns
// nil if there is no room; the queries count as dropped then and Commit must not be
// called.
func (q *Queue) Reserve(client share.Class, count uint32) *Entry {
	if count > 1 {
		q.mu.Lock()
	}
	e := q.ring.Reserve(client, q.size)
	if e != nil {
		e.Count = count
		return e
	}
	if count > 1 {
		q.more.In += uint64(count) - 1
		q.more.Dropped += uint64(count) - 1
		q.mu.Unlock()
	}
	return nil
}

// Commit adds the entry that Reserve returned, with a copy of the name and the reply.
// It does not allocate once the entries of the queue have been in use.
func (q *Queue) Commit(e *Entry, name, reply []byte) {
	e.ReplyLen = len(reply)
	e.buf = append(append(e.buf[:0], name...), reply[:min(len(reply), MaxReply)]...)
	e.Name, e.Reply = e.buf[:len(name)], e.buf[len(name):]
	more := uint64(e.Count) - 1
	q.ring.Commit() // e is the reader's now
	if more > 0 {
		q.more.In += more
		q.more.Waiting += more
		q.mu.Unlock()
	}
}

// Push adds a copy of an entry, whose Name and Reply are whole.
func (q *Queue) Push(e *Entry) {
	slot := q.Reserve(e.Claimant(), e.Count)
	if slot == nil {
		return
	}
	buf := slot.buf
	*slot = *e
	slot.buf = buf
	q.Commit(slot, e.Name, e.Reply)
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
