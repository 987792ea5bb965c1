package feed

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

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

// Queue is a bounded queue of packets. One goroutine pushes, one pops.
type Queue struct{ ring *ring.Ring[Packet] }

// NewQueue returns a queue. If it is blocking, Push waits for room, as a replay
// can; if not, a packet without room is dropped. An interface may fill no more of
// it than it leaves free, so that a flood from one qube costs the others nothing:
// see [ring.Config].Class.
func NewQueue(blocking bool) *Queue {
	return &Queue{ring.New(ring.Config[Packet]{Size: queuePackets, MaxWeight: queueBytes, Block: blocking,
		Class:  func(p *Packet) share.Class { return share.Class(p.Iface) },
		Weight: func(p *Packet) int { return len(p.Payload) }})}
}

// Push adds p. It reports false if p was dropped.
func (q *Queue) Push(p *Packet) bool { return q.ring.Push(p) }

// Pop moves up to len(dst) packets into dst and waits for at least one. It
// returns 0 when the queue is closed and empty.
func (q *Queue) Pop(dst []Packet) int { return q.ring.Pop(dst, time.Time{}) }

// Close ends the queue: from now on Push drops, and Pop returns what is left.
func (q *Queue) Close() { q.ring.Close() }

// Stats returns the counters. It is safe for concurrent use.
func (q *Queue) Stats() QueueStats {
	s := q.ring.Stats()
	return QueueStats{In: s.In, Out: s.Out, Dropped: s.Dropped, Waiting: s.Waiting, Bytes: s.Weight}
}
