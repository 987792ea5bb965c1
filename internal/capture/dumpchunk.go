package capture

import (
	"sync"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The memory of a dump: dumpChunks chunks of chunkSize bytes, 32 MiB, made as they are
// needed. The largest record fits into a chunk.
const (
	dumpChunks = 128
	chunkSize  = recordHead + dumpSnap

	// blockingChunks is enough to keep the disk busy; what Frame waits for anyway need
	// not be more than fits into a core's caches.
	blockingChunks = 16
)

// recordHead is the length of the header of a record, in bytes.
const recordHead = 16

// chunk is memory for the records of one link type. One goroutine adds records, another
// one reads those that are published; they share state and nothing else.
type chunk struct {
	link packet.Link
	data [chunkSize]byte

	filled int // belongs to the goroutine that adds
	count  uint64

	state atomic.Uint64 // see publish; sealed is one more bit

	taken extent // that has been read; belongs to the goroutine that reads
}

// The parts of a chunk's state: bytes, records, and whether it gets no more.
const (
	stateBytes  = 1<<20 - 1
	stateCount  = 20
	stateSealed = 1 << 63
)

// fits reports whether n more bytes fit.
func (c *chunk) fits(n int) bool { return c.filled+n <= chunkSize }

// room returns the memory of the next record.
func (c *chunk) room(n int) []byte { return c.data[c.filled : c.filled+n] }

// publish shows the record that was written into room to the goroutine that reads.
func (c *chunk) publish(n int) {
	c.filled += n
	c.count++
	c.state.Store(uint64(c.filled) | c.count<<stateCount)
}

// seal says that there will be no more records.
func (c *chunk) seal() { c.state.Store(c.state.Load() | stateSealed) }

// published returns the bytes and the records so far, and whether those are all.
func (c *chunk) published() (bytes int, records uint64, sealed bool) {
	s := c.state.Load()
	return int(s & stateBytes), s &^ stateSealed >> stateCount, s&stateSealed != 0
}

// chunkPool hands out chunks, the last returned first, as that is in the cache.
type chunkPool struct {
	mu   sync.Mutex
	free []*chunk
	room sync.Cond // a chunk has come back
	most int
	used atomic.Int64 // chunks handed out; written with mu held
}

func (p *chunkPool) init(most int) {
	p.most = most
	p.room.L = &p.mu
}

// behind reports whether more than half of the chunks are in use.
func (p *chunkPool) behind() bool { return int(p.used.Load()) > p.most/2 }

// get returns an empty chunk. If there is none, it waits for one or returns nil.
func (p *chunkPool) get(wait bool) *chunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	for int(p.used.Load()) == p.most {
		if !wait {
			return nil
		}
		p.room.Wait()
	}
	p.used.Add(1)
	n := len(p.free)
	if n == 0 {
		return new(chunk)
	}
	c := p.free[n-1]
	p.free = p.free[:n-1]
	c.filled, c.count, c.taken = 0, 0, extent{}
	c.state.Store(0)
	return c
}

// put takes a chunk back. Chunks of a burst are given to the garbage collector.
func (p *chunkPool) put(c *chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used.Add(-1)
	if len(p.free) < p.most/8 {
		p.free = append(p.free, c)
	}
	p.room.Signal()
}

// chunkQueue has the chunks in the order in which they were begun.
type chunkQueue struct {
	mu     sync.Mutex
	list   []*chunk
	closed bool
	wake   chan struct{} // of capacity 1
}

func (q *chunkQueue) init() { q.wake = make(chan struct{}, 1) }

// push appends a chunk, to which records are still added.
func (q *chunkQueue) push(c *chunk) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, c)
}

// notify wakes the reader: a chunk is complete.
func (q *chunkQueue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close says that there will be no more chunks, and that all are sealed.
func (q *chunkQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.notify()
}

// take moves the chunks to the end of dst. last reports whether there will be no more.
func (q *chunkQueue) take(dst []*chunk) (all []*chunk, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all = append(dst, q.list...)
	clear(q.list)
	q.list = q.list[:0]
	return all, q.closed
}
