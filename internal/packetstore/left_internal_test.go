package packetstore

import (
	"fmt"
	"testing"
	"time"
)

// TestName_left holds that what a qube sends that has left the inventory is not stored under its
// name, and not at all where only qubes that are known are; one that is back soon is the same qube.
func TestName_left(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		dir := fastDir(t)
		var w *world
		w = newWorld(t, dir, func(c *Config) {
			c.Names = func(iface uint32, at time.Time) (Holder, bool) {
				h, ok := w.holders[iface]
				if !ok {
					h = Holder{Vif: fmt.Sprintf("vif%d.0", iface), Excluded: known && w.now.Sub(at) >= 3*time.Second}
				}
				return h, ok
			}
		})
		send := func(n int) {
			for range n {
				w.add(7, 1, 1, 300)
				w.tick()
			}
		}
		work := w.holders[7]
		send(2)
		delete(w.holders, 7)
		send(2)
		w.holders[7] = work
		send(1)
		if len(segments(t, dir)) != 1 {
			t.Errorf("a qube that is back has segments %v", segments(t, dir))
		}
		delete(w.holders, 7)
		send(10)
		w.stop()
		res, _ := mustFind(t, dir, &Query{Qube: "work"})
		other, _ := mustFind(t, dir, &Query{Qube: "_vif7.0"})
		all, _ := mustFind(t, dir, &Query{})
		if n := w.c.excluded.packets; (n > 0) != known || known && n < 5 {
			t.Errorf("known ones only: %v: %d packets are excluded", known, n)
		}
		if res.Segments != 1 || (other.Segments > 0) == known || all.Segments != res.Segments+other.Segments {
			t.Errorf("known ones only: %v: %d segments of work, %d of the vif, %d in all", known, res.Segments, other.Segments, all.Segments)
		}
		r, err := OpenReader(dir)
		check(t, err)
		st, err := r.Status()
		check(t, err)
		for _, q := range st.Qubes {
			if q.Qube == "work" && q.Packets > 5+4 {
				t.Errorf("%d packets are stored under the name of a qube that has left; want 9 at most", q.Packets)
			}
		}
		check(t, r.Close())
	}
}
