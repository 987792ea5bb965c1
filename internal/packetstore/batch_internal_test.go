package packetstore

import (
	"strings"
	"sync/atomic"
	"testing"
)

// TestGather holds that chunks of a segment that wait are written together, also those
// between which another segment's are, and again if the disk takes half of them.
func TestGather(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	root, err := openFolder(dir)
	check(t, err)
	defer root.Close()
	var writes, short atomic.Int64
	f := &faulty{files: root, fail: func(call, name string) error {
		if call != "write" || !strings.HasPrefix(name, openPrefix) {
			return nil
		}
		if writes.Add(1); short.CompareAndSwap(1, 0) {
			return errShort
		}
		return nil
	}}
	w := newWorld(t, dir, func(c *Config) { c.files, c.Memory = f, 32<<20 })
	w.add(7, 1, 1, 1000)
	w.add(8, 2, 1, 1000)
	w.tick() // their names are known
	writes.Store(0)
	short.Store(1)
	for i := range 2800 {
		w.Add(w.packet(uint32(7+i%2), uint64(1+i%2), 1000))
	}
	queued := len(w.jobs)
	w.turn(false)
	w.balance()
	if n := writes.Load(); queued < 10 || n > 4 {
		t.Errorf("%d chunks of two segments are written in %d writes; want one of each, or two, and one again", queued, n)
	}
	w.stop()
	if n := rows(t, dir); n != w.added || w.c.written[whole].packets != w.added {
		t.Errorf("%d packets are in the files, %d are counted as whole; want %d", n, w.c.written[whole].packets, w.added)
	}
	verified(t, dir)
}

// TestPush holds that the writer is woken by a batch of chunks, and by a segment's end.
func TestPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fastDir(t), func(c *Config) { c.Memory = 32 << 20 })
	w.add(7, 1, 1, 1000)
	w.tick()
	woken := func() bool {
		select {
		case <-w.wake:
			return true
		default:
			return false
		}
	}
	woken()
	for len(w.jobs) < w.pool.batch() {
		if woken() {
			t.Fatalf("the writer is woken by %d chunks; want %d", len(w.jobs), w.pool.batch())
		}
		w.Add(w.packet(7, 1, 1400))
	}
	if !woken() {
		t.Error("the writer is not woken by a batch")
	}
	w.turn(false)
	if w.Gone(7); !woken() {
		t.Error("the writer is not woken by the end of a segment")
	}
	w.turn(false)
	w.stop()
}
