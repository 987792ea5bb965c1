package ring_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ring"
)

// TestRing_Ready ends a Gather if elements wait, once, and no Pop that waits for one.
func TestRing_Ready(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := ring.New(ring.Config[int]{Size: 8})
		begun := time.Now()
		gather := func() time.Duration {
			r.Gather(4, begun.Add(time.Minute))
			return time.Since(begun)
		}
		one := 1
		r.Ready() // nothing waits
		go func() {
			time.Sleep(time.Second)
			r.Ready() // nor now
			r.Push(&one)
			time.Sleep(time.Second)
			r.Ready()
		}()
		if took := gather(); took != 2*time.Second {
			t.Errorf("Gather took %v; want 2 s, when it was said that it is ready", took)
		}
		if n := r.Pop(make([]int, 8), time.Time{}); n != 1 {
			t.Errorf("Pop = %d; want 1", n)
		}
		r.Push(&one)
		if took := gather(); took != time.Minute {
			t.Errorf("the next Gather took until %v; want a minute", took)
		}
		r.Ready()
		if took := gather(); took != time.Minute {
			t.Errorf("a Gather after Ready took until %v; want none", took)
		}
	})
}
