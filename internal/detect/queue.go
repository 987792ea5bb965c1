package detect

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// queueSize is how many items wait for the engine, of some 200 bytes.
const queueSize = 8192

// gatherFor is how long a reader that has taken few items lets others gather: to wake it for
// each of them would cost the meter more than all the rest. At a million items a second, more
// than any meter makes, the queue has room for them.
const gatherFor = 5 * time.Millisecond

// Queue passes items from the meter to the engine. Any number of goroutines may push; only
// one may call Pop.
type Queue struct {
	ring   *ring.Ring[Item]
	closed chan struct{}
	timer  *time.Timer // belongs to Pop
	few    bool        // the last Pop has taken what there was
}

// NewQueue returns an empty queue. With block, a push waits for room instead of dropping the
// item.
func NewQueue(block bool) *Queue {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &Queue{closed: make(chan struct{}), timer: timer,
		ring: ring.New(ring.Config[Item]{Size: queueSize, Block: block, Class: func(i *Item) share.Class { return share.Class(i.Iface) }})}
}

// Push adds a copy of an item, or drops and counts it.
func (q *Queue) Push(i *Item) { q.ring.Push(i) }

// Pop moves items into dst, as many as there are and fit, and returns their number. It waits
// for at least one, and returns 0 when the queue is closed and empty.
func (q *Queue) Pop(dst []Item) int {
	if q.few {
		q.timer.Reset(gatherFor)
		select {
		case <-q.timer.C:
		case <-q.closed:
			q.timer.Stop()
		}
	}
	n := q.ring.Pop(dst, time.Time{})
	q.few = n < len(dst)
	return n
}

// Close ends the queue: Pop returns what is left. It must be called once.
func (q *Queue) Close() {
	close(q.closed)
	q.ring.Close()
}

// Done reports whether the queue is closed and empty.
func (q *Queue) Done() bool { return q.ring.Done() }

// Stats returns the counters.
func (q *Queue) Stats() ring.Stats { return q.ring.Stats() }
