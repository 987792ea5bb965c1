package feed

import "sync"

// The bounds of a queue: enough for a burst of a full receive window from each
// of a few qubes, and a small part of the logging qube's memory.
const (
	queuePackets = 8192
	queueBytes   = 16 << 20
)

// QueueStats counts the packets of a queue: In = Out + Dropped + Waiting.
type QueueStats struct {
	In, Out, Dropped uint64
	Waiting          int // packets
	Bytes            int // payload of the packets that wait
}

// Queue is a bounded ring of packets. One goroutine pushes, one pops.
type Queue struct {
	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	ring     []Packet
	head, n  int
	blocking bool
	closed   bool
	idle     bool // the reader waits
	stats    QueueStats
	shares   [256]share // of the interfaces, by the lowest bits of their index
}

// share is what waits of the packets of one interface.
type share struct{ packets, bytes int }

// NewQueue returns a queue. If it is blocking, Push waits for room, as a replay
// can; if not, a packet without room is dropped. An interface may fill no more of
// it than it leaves free, so that a flood from one qube costs the others nothing:
// the dynamic thresholds of Choudhury and Hahne (IEEE/ACM ToN 6.2, 1998), with
// factor 1.
func NewQueue(blocking bool) *Queue {
	q := &Queue{ring: make([]Packet, queuePackets), blocking: blocking}
	q.readable.L, q.writable.L = &q.mu, &q.mu
	return q
}

// Push adds p. It reports false if p was dropped.
func (q *Queue) Push(p *Packet) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.In++
	for q.blocking && !q.closed && q.full(len(p.Payload)) {
		q.writable.Wait()
	}
	if q.closed || q.full(len(p.Payload)) || !q.blocking && q.overShare(p) {
		q.stats.Dropped++
		return false
	}
	q.ring[(q.head+q.n)%len(q.ring)] = *p
	q.n++
	q.account(p, 1)
	if q.idle {
		q.readable.Signal()
	}
	return true
}

// full reports whether there is no room for a payload of n bytes. An empty queue
// takes a packet of any size.
func (q *Queue) full(n int) bool {
	return q.n == len(q.ring) || q.n > 0 && q.stats.Bytes+n > queueBytes
}

// overShare reports whether the packet's interface holds as much of the queue as
// is left free.
func (q *Queue) overShare(p *Packet) bool {
	s := &q.shares[p.Iface&255]
	return s.packets > len(q.ring)-q.n || s.packets > 0 && s.bytes+len(p.Payload) > queueBytes-q.stats.Bytes
}

// account counts a packet that came (1) or went (-1).
func (q *Queue) account(p *Packet, sign int) {
	s, n := &q.shares[p.Iface&255], sign*len(p.Payload)
	s.packets += sign
	s.bytes += n
	q.stats.Bytes += n
}

// Pop moves up to len(dst) packets into dst and waits for at least one. It
// returns 0 when the queue is closed and empty.
func (q *Queue) Pop(dst []Packet) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.n == 0 && !q.closed {
		q.idle = true
		q.readable.Wait()
		q.idle = false
	}
	n := min(q.n, len(dst))
	for i := range n {
		slot := &q.ring[q.head]
		dst[i] = *slot
		q.account(slot, -1)
		*slot = Packet{} // the reader owns the payload now
		q.head = (q.head + 1) % len(q.ring)
	}
	q.n -= n
	q.stats.Out += uint64(n)
	if q.blocking && n > 0 {
		q.writable.Signal()
	}
	return n
}

// Close ends the queue: from now on Push drops, and Pop returns what is left.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.readable.Broadcast()
	q.writable.Broadcast()
}

// Stats returns the counters. It is safe for concurrent use.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Waiting = q.n
	return s
}
