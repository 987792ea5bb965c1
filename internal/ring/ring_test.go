package ring_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/ring"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// always is no deadline.
var always time.Time

// TestRing_Push drops the newest element if there is no room.
func TestRing_Push(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		size         int
		low, high    int // pushed in this order, the former with a limit of 3
		want         ring.Stats
		first, count int // of Pop
	}{
		{"room for all", 4, 0, 4, ring.Stats{In: 4, Waiting: 4}, 0, 4},
		{"full", 4, 0, 6, ring.Stats{In: 6, Dropped: 2, Waiting: 4}, 0, 4},
		{"limit", 4, 4, 0, ring.Stats{In: 4, Dropped: 1, Limited: 1, Waiting: 3}, 0, 3},
		{"above the limit", 4, 4, 2, ring.Stats{In: 6, Dropped: 2, Limited: 1, Waiting: 4}, 0, 4},
		{"at least one", 0, 0, 2, ring.Stats{In: 2, Dropped: 1, Waiting: 1}, 0, 1},
		{"limit above the size", 2, 3, 0, ring.Stats{In: 3, Dropped: 1, Waiting: 2}, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ring.New(ring.Config[int]{Size: tt.size})
			taken := 0
			for i := range tt.low {
				taken += count(r.PushLimit(&i, 3))
			}
			for i := range tt.high {
				taken += count(r.Push(&i))
			}
			if diff := cmp.Diff(tt.want, r.Stats()); diff != "" || taken != tt.want.Waiting {
				t.Errorf("%d taken; Stats mismatch (-want +got):\n%s", taken, diff)
			}
			dst := make([]int, 10)
			if n := r.Pop(dst, always); n != tt.count || dst[0] != tt.first {
				t.Errorf("Pop = %d, %d first; want %d, %d", n, dst[0], tt.count, tt.first)
			}
		})
	}
}

// TestRing_PushAll pushes elements as Push does, one after the other, and waits for room where that does.
func TestRing_PushAll(t *testing.T) {
	t.Parallel()
	class := func(v *int) share.Class { return share.Class(*v / 100) }
	for _, tt := range []struct {
		name string
		conf ring.Config[int]
		list []int
		want []int
	}{
		{"none", ring.Config[int]{Size: 4}, nil, nil},
		{"room", ring.Config[int]{Size: 4}, []int{1, 2, 3}, []int{1, 2, 3}},
		{"full", ring.Config[int]{Size: 4}, []int{1, 2, 3, 4, 5}, []int{1, 2, 3, 4}},
		{"classes", ring.Config[int]{Size: 4, Class: class}, []int{1, 2, 3, 100}, []int{1, 2, 100}},
		{"blocks", ring.Config[int]{Size: 2, Block: true}, []int{1, 2, 3, 4, 5}, []int{1, 2, 3, 4, 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ring.New(tt.conf)
			go func() {
				r.PushAll(tt.list)
				r.Close()
			}()
			var got []int
			for dst := make([]int, 10); !r.Done(); {
				if tt.conf.Block || r.Stats().In == uint64(len(tt.list)) {
					got = append(got, dst[:r.Pop(dst, always)]...)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("elements mismatch (-want +got):\n%s", diff)
			}
			if s := r.Stats(); s.In != uint64(len(tt.list)) || s.Dropped != s.In-uint64(len(tt.want)) {
				t.Errorf("Stats = %+v", s)
			}
		})
	}
}

func count(taken bool) int {
	if taken {
		return 1
	}
	return 0
}

// TestRing_Pop returns the elements in order, around the end of the ring.
func TestRing_Pop(t *testing.T) {
	t.Parallel()
	r := ring.New(ring.Config[int]{Size: 5})
	var got, want []int
	dst := make([]int, 3)
	for i := range 50 {
		r.Push(&i)
		want = append(want, i)
		if i%2 == 1 {
			got = append(got, dst[:r.Pop(dst, always)]...)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Pop mismatch (-want +got):\n%s", diff)
	}
}

// TestRing_Pop_wait waits for what comes first.
func TestRing_Pop_wait(t *testing.T) {
	t.Parallel()
	one := 1
	tests := []struct {
		name     string
		deadline time.Duration // 0: none
		do       func(r *ring.Ring[int])
		want     int
		after    time.Duration
	}{
		{"Push", 0, func(r *ring.Ring[int]) { time.Sleep(time.Hour); r.Push(&one) }, 1, time.Hour},
		{"Push before the deadline", time.Minute, func(r *ring.Ring[int]) { time.Sleep(time.Second); r.Push(&one) }, 1, time.Second},
		{"deadline", time.Minute, func(*ring.Ring[int]) {}, 0, time.Minute},
		{"deadline in the past", -time.Minute, func(*ring.Ring[int]) {}, 0, 0},
		{"Wake", time.Minute, func(r *ring.Ring[int]) { time.Sleep(time.Second); r.Wake() }, 0, time.Second},
		{"Wake before", 0, func(r *ring.Ring[int]) { r.Wake() }, 0, 0},
		{"Close", time.Minute, func(r *ring.Ring[int]) { time.Sleep(time.Second); r.Close() }, 0, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := ring.New(ring.Config[int]{Size: 4})
				dst := make([]int, 4)
				r.Push(&one)
				r.Pop(dst, time.Now().Add(time.Second)) // the next deadline uses a timer again
				go tt.do(r)
				began, deadline := time.Now(), time.Time{}
				if tt.deadline != 0 {
					deadline = began.Add(tt.deadline)
				}
				if n := r.Pop(dst, deadline); n != tt.want || time.Since(began) != tt.after {
					t.Errorf("Pop = %d after %v; want %d after %v", n, time.Since(began), tt.want, tt.after)
				}
			})
		})
	}
}

// TestRing_Pop_again is not confused by what an earlier wait has left behind.
func TestRing_Pop_again(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, dst, one := ring.New(ring.Config[int]{Size: 4}), make([]int, 4), 1
		for range 3 {
			if n := r.Pop(dst, time.Now().Add(time.Second)); n != 0 {
				t.Fatalf("Pop = %d; want 0 at the deadline", n)
			}
			r.Push(&one)
			r.Wake()
			if n := r.Pop(dst, always); n != 1 {
				t.Fatalf("Pop = %d; want 1", n)
			}
			began := time.Now()
			if n := r.Pop(dst, began.Add(time.Hour)); n != 0 || time.Since(began) != time.Hour {
				t.Fatalf("Pop = %d after %v; want 0 after 1h", n, time.Since(began))
			}
		}
	})
}

// TestRing_Block makes pushes wait for room, whatever their limit.
func TestRing_Block(t *testing.T) {
	t.Parallel()
	for _, later := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := ring.New(ring.Config[int]{Size: 2, Block: !later, Class: func(*int) share.Class { return 0 }})
			if later {
				r.SetBlock()
			}
			var wg sync.WaitGroup
			for range 3 { // several goroutines wait
				wg.Go(func() {
					for i := range 10 {
						if !r.PushLimit(&i, 1) {
							t.Error("PushLimit = false; want true")
						}
					}
				})
			}
			synctest.Wait()
			if s := r.Stats(); s.Waiting != 2 {
				t.Errorf("Stats = %+v; want 2 waiting", s)
			}
			for n, dst := 0, make([]int, 2); n < 30; {
				n += r.Pop(dst, always)
			}
			wg.Wait()
			if diff := cmp.Diff(ring.Stats{In: 30, Out: 30}, r.Stats()); diff != "" {
				t.Errorf("Stats mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRing_Close ends both sides: the reader gets what is left.
func TestRing_Close(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, one := ring.New(ring.Config[int]{Size: 2, Block: true}), 1
		var wg sync.WaitGroup
		taken := 0
		wg.Go(func() {
			for range 4 {
				taken += count(r.Push(&one))
			}
		})
		synctest.Wait()
		r.Close()
		wg.Wait()
		dst := make([]int, 4)
		done := r.Done()
		if a, b := r.Pop(dst, always), r.Pop(dst, always); taken != 2 || done || a != 2 || b != 0 || !r.Done() {
			t.Errorf("%d taken, Pop = %d, %d, Done = %v, %v; want 2, 2, 0, false, true", taken, a, b, done, r.Done())
		}
		if diff := cmp.Diff(ring.Stats{In: 4, Out: 2, Dropped: 2}, r.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestRing_balance counts everything while several push and one pops.
func TestRing_balance(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 10_000
	r := ring.New(ring.Config[[2]int]{Size: 64, Class: func(v *[2]int) share.Class { return share.Class(v[0]) }})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r.Push(&[2]int{w, i})
				if s := r.Stats(); s.In != s.Out+s.Dropped+uint64(s.Waiting) {
					t.Errorf("Stats = %+v; want a balance", s)
				}
			}
		})
	}
	go func() { wg.Wait(); r.Close() }()
	last, popped := [writers]int{-1, -1, -1, -1}, uint64(0)
	for dst := make([][2]int, 16); !r.Done(); {
		n := r.Pop(dst, time.Now().Add(time.Millisecond))
		popped += uint64(n)
		for _, v := range dst[:n] {
			if v[1] <= last[v[0]] {
				t.Errorf("%d of %d after %d; want them in order", v[1], v[0], last[v[0]])
			}
			last[v[0]] = v[1]
		}
	}
	if s := r.Stats(); s.In != writers*each || s.Out != popped || s.Waiting != 0 || s.In != s.Out+s.Dropped {
		t.Errorf("Stats = %+v, %d popped; want a balance of %d", s, popped, writers*each)
	}
}

// TestRing_Gather wakes the reader when enough elements wait, at the deadline, or at the end.
func TestRing_Gather(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		pushed int
		closed bool
		want   time.Duration
	}{
		{"enough", 3, false, 0},
		{"too few", 2, false, time.Second},
		{"too few, closed", 2, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := ring.New(ring.Config[int]{Size: 8})
			begun, done := time.Now(), make(chan time.Duration)
			go func() {
				r.Gather(3, begun.Add(time.Second))
				done <- time.Since(begun)
			}()
			synctest.Wait()
			for i := range tc.pushed {
				r.Push(&i)
				synctest.Wait()
			}
			if tc.closed {
				r.Close()
			}
			if got := <-done; got != tc.want {
				t.Errorf("%s: Gather returned after %v; want %v", tc.name, got, tc.want)
			}
			if n := r.Pop(make([]int, 8), time.Time{}); n != tc.pushed {
				t.Errorf("%s: Pop returned %d elements; want %d", tc.name, n, tc.pushed)
			}
		})
	}
}
