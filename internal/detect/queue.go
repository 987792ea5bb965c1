package detect

import (
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// queueSize is how many items wait for the engine, of some 200 bytes.
const queueSize = 8192

// A reader that has taken few items lets others gather, until gatherMost wait or gatherFor is
// over: to wake it for each of them, or every few milliseconds, would cost more than the
// judging, most of it in wake-ups and in what they find in no cache. Of a live meter it is woken by
// the item that comes so much later, as the processor is awake then, and by a timer only when no such
// item comes for gatherLong.
const (
	gatherFor  = 100 * time.Millisecond
	gatherLong = 400 * time.Millisecond
	gatherMost = queueSize / 4
)

// Queue passes items from the meter to the engine. Any number of goroutines may push; only
// one may call Pop.
type Queue struct {
	ring *ring.Ring[Item]
	few  bool // the last Pop has taken what there was
	live bool
	rung atomic.Int64 // time of the item that has woken the reader, nanoseconds since the Unix epoch
}

// NewQueue returns an empty queue. With block, a push waits for room instead of dropping the
// item.
func NewQueue(block bool) *Queue {
	return &Queue{live: !block, ring: ring.New(ring.Config[Item]{Size: queueSize, Block: block, Class: func(i *Item) share.Class { return share.Class(i.Iface) }})}
}

// Push adds copies of items, at least one, or drops and counts them.
func (q *Queue) Push(items ...Item) {
	q.ring.PushAll(items)
	if at := items[len(items)-1].At; q.live && at-q.rung.Load() >= int64(gatherFor) {
		q.rung.Store(at)
		q.ring.Ready()
	}
}

// Pop moves items into dst, as many as there are and fit, and returns their number. It waits
// for at least one, and returns 0 when the queue is closed and empty.
func (q *Queue) Pop(dst []Item) int {
	if q.few {
		wait := gatherFor
		if q.live {
			wait = gatherLong
		}
		q.ring.Gather(gatherMost, time.Now().Add(wait))
	}
	n := q.ring.Pop(dst, time.Time{})
	q.few = n < len(dst)
	return n
}

// Close ends the queue: Pop returns what is left.
func (q *Queue) Close() { q.ring.Close() }

// Done reports whether the queue is closed and empty.
func (q *Queue) Done() bool { return q.ring.Done() }

// Stats returns the counters.
func (q *Queue) Stats() ring.Stats { return q.ring.Stats() }
