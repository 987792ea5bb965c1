package packetstore

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

const (
	pageSize  = 4096                 // unit of what is written, so that the page cache can be left out
	chunkSize = 256 << 10            // several are written at once (see gather)
	chunkFull = chunkSize - pageSize // of it for packets: there is room to pad
)

// chunk is a piece of a segment on its way to the disk. What is below n does not change
// any more, so that the writer may read it while the meter appends.
type chunk struct {
	buf   []byte // chunkSize bytes, aligned to a page
	n     int    // bytes filled
	base  int64  // offset of buf in the file, a multiple of pageSize
	iface uint32 // whose share of the pool it is
	tally tally  // packets that end in pages that are complete, and of the page that is not while it is filled
}

// pages returns how many complete pages with packets there are.
func (c *chunk) pages() int {
	n := c.n / pageSize
	if c.base == 0 {
		n-- // the head
	}
	return n
}

// pool is the bounded stock of chunks, divided among the interfaces.
type pool struct {
	memory []byte
	free   []*chunk // the last given back is taken first, so that few are touched
	share  *share.Pool[uint32]
}

// newPool returns a pool of n chunks, whose memory the kernel gives when it is used.
func newPool(n int) (*pool, error) {
	memory, err := unix.Mmap(-1, 0, n*chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("allocating %d MiB of buffers for packets: %w", n*chunkSize>>20, err)
	}
	p := &pool{memory: memory, share: share.NewPool[uint32](n)}
	for i := n - 1; i >= 0; i-- {
		p.free = append(p.free, &chunk{buf: memory[i*chunkSize : (i+1)*chunkSize : (i+1)*chunkSize]})
	}
	return p, nil
}

// close returns the memory to the kernel.
func (p *pool) close() error {
	memory := p.memory
	p.memory, p.free = nil, nil
	return unix.Munmap(memory)
}

// take returns an empty chunk, or nil if the interface has three times as much as is
// left. So one interface alone gets three quarters, and a newcomer finds room: frames
// are cut from half of the pool on, and the quarter above it holds many cut ones.
func (p *pool) take(iface uint32) *chunk {
	if len(p.free) == 0 || p.share.Held(iface)+1 > 3*len(p.free) {
		return nil
	}
	c := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.share.Add(iface, 1)
	c.n, c.base, c.iface, c.tally = 0, 0, iface, tally{}
	return c
}

// give returns a chunk, which may be nil.
func (p *pool) give(c *chunk) {
	if c != nil {
		p.share.Give(c.iface, 1)
		p.free = append(p.free, c)
	}
}

// batch returns how many chunks make a write: 2 MiB, if that is a small part of the pool.
func (p *pool) batch() int { return max(1, min(p.share.Limit()/12, mostBatch/2)) }

// half reports whether at least half of the pool is in use.
func (p *pool) half() bool { return 2*p.share.Used() >= p.share.Limit() }

// short reports whether so little of the pool is left that everyone has to save.
func (p *pool) short() bool { return len(p.free) < p.share.Limit()/8 }

// filling reports whether an interface holds more than an eighth of the pool, which those that
// make it run full do, and hardly another one.
func (p *pool) filling(iface uint32) bool { return p.share.Held(iface) > p.share.Limit()/8 }

// greedy reports whether an interface holds more than is free.
func (p *pool) greedy(iface uint32) bool { return p.share.Held(iface) > len(p.free) }
