package packetstore

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

// TestRun holds that the account stays exact while the writer runs, others read the
// counters, segments are sealed on request and interfaces go, and that a seal under load
// loses nothing. Its other half is the race detector.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	begun := time.Now()
	w := newWorld(t, dir, func(c *Config) {
		c.uptime = func() time.Duration { return time.Since(begun) }
		c.Now, c.Segment.Bytes, c.Flush, c.Memory = time.Now, 1<<20, 5*time.Millisecond, 16<<20
	})
	stop := w.running()
	<-w.Ready()
	var others sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	others.Go(func() {
		for ctx.Err() == nil {
			metrics.Collect(w)
			w.balanceOf()
			if err := w.Seal(ctx, "work"); err != nil && ctx.Err() == nil {
				t.Errorf("Seal: %v", err)
			}
		}
	})
	for i := range uint64(20_000) {
		w.now = time.Now()
		w.Add(w.packet(uint32(7+i%2), i%100, 500))
		if i%4000 == 0 {
			w.Gone(8)
		}
		for w.Pressure() {
			check(t, w.Seal(ctx, "no such qube"))
		}
	}
	cancel()
	others.Wait()
	stop()
	w.balance()
	c := &w.c
	if c.waiting.sum() != (count{}) || c.lostDisk.packets > 0 || c.written.sum().packets+c.lostMemory.packets != w.added {
		t.Errorf("after the end: %+v", c)
	}
	if n := scanned(t, dir); n != c.written.sum().packets {
		t.Errorf("%d packets are in the files; %d are counted", n, c.written.sum().packets)
	}
	verified(t, dir)
	w.Add(w.packet(7, 1, 500)) // behind the end
	w.balance()
	if err := w.Seal(context.Background(), ""); err == nil {
		t.Error("a store that is stopped seals")
	}
}

// balanceOf is balance without the number of packets that were added.
func (w *world) balanceOf() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.c.missing(); m != (count{}) {
		w.tb.Errorf("the account lacks %+v of %+v", m, w.c)
	}
}
