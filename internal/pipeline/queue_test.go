package pipeline_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// TestAttack03_queue lets a flood of final records from one interface cost the
// others nothing, whatever they report, and names the interface.
func TestAttack03_queue(t *testing.T) {
	t.Parallel()
	q := pipeline.NewQueue(16384, false)
	flood := func() {
		for range 100_000 {
			q.Push(&flow.Record{Iface: 6, Reason: flow.ReasonEvicted})
		}
	}
	flood()
	for iface := uint32(7); iface < 12; iface++ {
		for range 50 {
			flood()
			if !q.Push(&flow.Record{Iface: iface, Reason: flow.ReasonIdle}) || !q.Push(&flow.Record{Iface: iface}) {
				t.Fatalf("a record of the quiet interface %d is dropped; stats %+v", iface, q.Stats())
			}
		}
	}
	s := q.Stats()
	if s.Most != 6 || s.MostDropped != s.FinalDropped || s.InterimDropped != 0 || s.In != uint64(s.Waiting)+s.FinalDropped {
		t.Errorf("Stats = %+v; want all losses with interface 6", s)
	}
}

// TestQueue_Push says what is dropped when: one interface gets half of the queue.
func TestQueue_Push(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		size            int
		interim, finals int // pushed in this order
		want            pipeline.QueueStats
	}{
		{"interim below the mark", 200, 75, 0, pipeline.QueueStats{In: 75, Waiting: 75}},
		{"interim above the mark", 200, 80, 0, pipeline.QueueStats{In: 80, InterimDropped: 5, Waiting: 75, MostDropped: 5}},
		{"finals take the rest", 200, 80, 25, pipeline.QueueStats{In: 105, InterimDropped: 5, Waiting: 100, MostDropped: 5}},
		{"finals are dropped when it is full", 200, 80, 30, pipeline.QueueStats{In: 110, InterimDropped: 5, FinalDropped: 5, Waiting: 100, MostDropped: 10}},
		{"finals alone", 200, 0, 101, pipeline.QueueStats{In: 101, FinalDropped: 1, Waiting: 100, MostDropped: 1}},
		{"at least four places", 0, 0, 5, pipeline.QueueStats{In: 5, FinalDropped: 3, Waiting: 2, MostDropped: 3}},
		{"a size that four does not divide", 7, 7, 0, pipeline.QueueStats{In: 7, InterimDropped: 4, Waiting: 3, MostDropped: 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := pipeline.NewQueue(tt.size, false)
			taken := 0
			for n := range tt.interim {
				taken += count(q.Push(interim(uint64(n))))
			}
			for n := range tt.finals {
				taken += count(q.Push(final(uint64(n))))
			}
			if diff := cmp.Diff(tt.want, q.Stats()); diff != "" {
				t.Errorf("Stats mismatch (-want +got):\n%s", diff)
			}
			if taken != tt.want.Waiting {
				t.Errorf("Push took %d; want %d", taken, tt.want.Waiting)
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

// TestQueue_Pop hands the records out in order, around the end of the ring.
func TestQueue_Pop(t *testing.T) {
	t.Parallel()
	q := pipeline.NewQueue(5, false)
	dst := make([]flow.Record, 3)
	var want, got []int64
	for n := range uint64(20) {
		r := final(n)
		q.Push(r)
		want = append(want, r.Start)
		r.Start = -1 // the queue holds a copy
		if n%2 == 1 {
			for _, r := range dst[:q.Pop(dst)] {
				got = append(got, r.Start)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Pop mismatch (-want +got):\n%s", diff)
	}
	if got := q.Stats(); got.Out != 20 || got.Waiting != 0 {
		t.Errorf("Stats = %+v; want 20 out, none waiting", got)
	}
}

// TestQueue_blocking makes Push wait for room, for interim records, too.
func TestQueue_blocking(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		new  func() *pipeline.Queue
	}{
		{"from the start", func() *pipeline.Queue { return pipeline.NewQueue(4, true) }},
		{"from now on", func() *pipeline.Queue {
			q := pipeline.NewQueue(4, false)
			q.SetBlocking()
			return q
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := tt.new()
				pushed := 0
				go func() {
					for n := range uint64(10) {
						if q.Push(interim(n)) {
							pushed++
						}
					}
					q.Close()
				}()
				synctest.Wait()
				if pushed != 4 {
					t.Fatalf("%d pushed into 4 places; want 4 and a wait", pushed)
				}
				got, dst := 0, make([]flow.Record, 1)
				for !q.Done() {
					got += q.Pop(dst)
					synctest.Wait()
				}
				want := pipeline.QueueStats{In: 10, Out: 10}
				if diff := cmp.Diff(want, q.Stats()); diff != "" || got != 10 || pushed != 10 {
					t.Errorf("%d of %d popped; Stats mismatch (-want +got):\n%s", got, pushed, diff)
				}
			})
		})
	}
}

// TestQueue_Close wakes both sides. What was in the queue is handed out, what
// comes later is dropped and counted.
func TestQueue_Close(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := pipeline.NewQueue(4, true)
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := range uint64(4) {
				q.Push(final(n))
			}
			if q.Push(final(4)) {
				t.Error("Push = true after Close; want false")
			}
			if q.Push(interim(5)) {
				t.Error("Push = true after Close; want false")
			}
		})
		synctest.Wait()
		q.Close()
		wg.Wait()
		dst := make([]flow.Record, 3)
		if a, b, c := q.Pop(dst), q.Pop(dst), q.Pop(dst); a != 3 || b != 1 || c != 0 || !q.Done() {
			t.Errorf("Pop = %d, %d, %d, Done = %v; want 3, 1, 0, true", a, b, c, q.Done())
		}
		want := pipeline.QueueStats{In: 6, Out: 4, FinalDropped: 1, InterimDropped: 1, MostDropped: 2}
		if diff := cmp.Diff(want, q.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestQueue_wakes lets a waiting Pop return.
func TestQueue_wakes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		wake func(q *pipeline.Queue)
		want int
	}{
		{"Push", func(q *pipeline.Queue) { q.Push(final(1)) }, 1},
		{"Wake", func(q *pipeline.Queue) { q.Wake() }, 0},
		{"Close", func(q *pipeline.Queue) { q.Close() }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := pipeline.NewQueue(4, false)
				got := -1
				go func() { got = q.Pop(make([]flow.Record, 4)) }()
				synctest.Wait()
				if got != -1 {
					t.Fatalf("Pop = %d on an empty queue; want a wait", got)
				}
				tt.wake(q)
				synctest.Wait()
				if got != tt.want {
					t.Errorf("Pop = %d; want %d", got, tt.want)
				}
			})
		})
	}
}

// TestQueue_balance counts everything while one pushes, one pops and others ask
// for the counters.
func TestQueue_balance(t *testing.T) {
	t.Parallel()
	for _, blocking := range []bool{false, true} {
		q := pipeline.NewQueue(64, blocking)
		const n = 50_000
		var taken, popped uint64
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range uint64(n) {
				r := interim(i)
				if i%3 == 0 {
					r = final(i)
				}
				if q.Push(r) {
					taken++
				}
			}
			q.Close()
		})
		wg.Go(func() {
			for !q.Done() {
				s := q.Stats()
				if s.In < s.Out+s.InterimDropped+s.FinalDropped+uint64(s.Waiting) {
					t.Errorf("Stats = %+v; want no more out than in", s)
				}
				q.Wake()
			}
		})
		last, dst := int64(-1), make([]flow.Record, 16)
		for !q.Done() {
			k := q.Pop(dst)
			popped += uint64(k)
			for _, r := range dst[:k] {
				if r.Start <= last {
					t.Errorf("record %d after %d; want them in order", r.Start, last)
				}
				last = r.Start
			}
		}
		wg.Wait()
		s := q.Stats()
		if s.In != n || s.Out != popped || popped != taken || s.In != s.Out+s.InterimDropped+s.FinalDropped || s.Waiting != 0 {
			t.Errorf("Stats = %+v, %d taken, %d popped; want a balance of %d", s, taken, popped, n)
		}
		if blocking && s.Out != n {
			t.Errorf("%d out of a blocking queue; want all %d", s.Out, n)
		}
	}
}

// TestQueue_allocs is not parallel, because AllocsPerRun refuses that.
func TestQueue_allocs(t *testing.T) {
	q := pipeline.NewQueue(8, false)
	r, dst := final(1), make([]flow.Record, 4)
	if n := testing.AllocsPerRun(100, func() { q.Push(r); q.Pop(dst) }); n != 0 {
		t.Errorf("Push and Pop allocate %v times; want 0", n)
	}
}
