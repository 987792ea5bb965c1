package ring_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// load is an element with a class and a weight.
type load struct {
	Class  uint32
	Weight int
}

func newWeighing(block, classes bool) *ring.Ring[load] {
	c := ring.Config[load]{Size: 8, Block: block, MaxWeight: 100, Weight: func(l *load) int { return l.Weight }}
	if classes {
		c.Class = func(l *load) share.Class { return share.Class(l.Class) }
	}
	return ring.New(c)
}

// TestRing_Weight bounds the weight of all, of which a class may hold as much as it
// leaves free.
func TestRing_Weight(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		classes bool
		push    []load
		want    []load
	}{
		{"up to the bound", false, []load{{1, 60}, {1, 40}, {1, 1}, {1, 0}}, []load{{1, 60}, {1, 40}, {1, 0}}},
		{"alone, any", false, []load{{1, 500}, {1, 1}}, []load{{1, 500}}},
		{"alone, any, with classes", true, []load{{1, 500}, {2, 1}}, []load{{1, 500}}},
		{"a class leaves half", true, []load{{1, 40}, {1, 20}, {1, 10}, {2, 50}}, []load{{1, 40}, {1, 20}}},
		{"the other half", true, []load{{1, 40}, {1, 30}, {2, 50}, {2, 1}}, []load{{1, 40}, {2, 50}}},
		{"slots, too", true, []load{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {2, 1}},
			[]load{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {2, 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newWeighing(false, tt.classes)
			for range 3 { // what was popped is free again
				before, weight := r.Stats(), 0
				for i := range tt.push {
					r.Push(&tt.push[i])
				}
				for _, l := range tt.want {
					weight += l.Weight
				}
				s := r.Stats()
				if s.Weight != weight || s.In-before.In != uint64(len(tt.push)) || s.In != s.Out+s.Dropped+uint64(s.Waiting) {
					t.Errorf("Stats = %+v; want a balance and a weight of %d", s, weight)
				}
				dst := make([]load, 10)
				if diff := cmp.Diff(tt.want, dst[:r.Pop(dst, always)]); diff != "" {
					t.Errorf("Pop mismatch (-want +got):\n%s", diff)
				}
				if s := r.Stats(); s.Weight != 0 {
					t.Errorf("Stats = %+v; want no weight", s)
				}
			}
		})
	}
}

// TestRing_Weight_block makes pushes wait until the weight finds room, whatever
// their class holds.
func TestRing_Weight_block(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newWeighing(true, true)
		go func() {
			for range 4 {
				r.Push(&load{1, 45})
			}
			r.Close()
		}()
		synctest.Wait()
		if s := r.Stats(); s.Waiting != 2 || s.In != 2 {
			t.Errorf("Stats = %+v; want two waiting", s)
		}
		for dst := make([]load, 1); !r.Done(); {
			r.Pop(dst, always)
			synctest.Wait()
		}
		if diff := cmp.Diff(ring.Stats{In: 4, Out: 4}, r.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
	})
}
