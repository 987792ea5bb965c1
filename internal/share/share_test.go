package share_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// TestPool_Take lets each class fill the pool as far as it goes, one after another.
func TestPool_Take(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		classes []uint32 // in the order in which they come
		want    map[uint32]int
	}{
		{"one gets half", []uint32{7}, map[uint32]int{7: 600}},
		{"the second gets half of the rest", []uint32{7, 8}, map[uint32]int{7: 600, 8: 300}},
		{"a third finds room", []uint32{7, 8, 9}, map[uint32]int{7: 600, 8: 300, 9: 150}},
		{"distant numbers are distinct", []uint32{7, 263}, map[uint32]int{7: 600, 263: 300}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := share.NewPool[uint32](1200)
			got := map[uint32]int{}
			for _, c := range tt.classes {
				for p.Take(c, 1) {
				}
				got[c] = p.Held(c)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("held mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPool_Give returns what was taken, and no more.
func TestPool_Give(t *testing.T) {
	t.Parallel()
	p := share.NewPool[string](100)
	p.Take("a", 30)
	p.Take("b", 20)
	p.Give("a", 10)
	p.Give("b", 1000)
	p.Give("c", 5)
	if p.Held("a") != 20 || p.Held("b") != 0 || p.Used() != 20 || p.Classes() != 1 {
		t.Errorf("held = %d, %d, used = %d by %d; want 20, 0, 20 by 1", p.Held("a"), p.Held("b"), p.Used(), p.Classes())
	}
	p.Give("a", 20)
	if p.Used() != 0 || p.Classes() != 0 {
		t.Errorf("used = %d by %d; want 0 by 0", p.Used(), p.Classes())
	}
}

// TestPool_comings compares a pool with plain sums while classes come and go.
func TestPool_comings(t *testing.T) {
	t.Parallel()
	p, want, used := share.NewPool[int](1<<20), map[int]int{}, 0
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100_000 {
		class, n := i/50+r.IntN(100), r.IntN(9)
		switch r.IntN(4) {
		case 0, 1:
			p.Add(class, n)
			want[class] += n
			used += n
		case 2:
			n = r.IntN(want[class] + 2)
			p.Give(class, n)
			used -= min(n, want[class])
			want[class] -= min(n, want[class])
		default: // a class that goes gives back all
			p.Give(i/50, want[i/50])
			used -= want[i/50]
			want[i/50] = 0
		}
		if p.Held(class) != want[class] || p.Used() != used {
			t.Fatalf("step %d: held = %d, used = %d; want %d, %d", i, p.Held(class), p.Used(), want[class], used)
		}
	}
	classes := 0
	for class, n := range want {
		if n > 0 {
			classes++
		}
		if p.Held(class) != n {
			t.Errorf("class %d holds %d; want %d", class, p.Held(class), n)
		}
	}
	if p.Classes() != classes {
		t.Errorf("Classes = %d; want %d", p.Classes(), classes)
	}
}

// BenchmarkPool has several classes in turn, each of which takes and gives back.
func BenchmarkPool(b *testing.B) {
	for _, classes := range []int{1, 2, 8} {
		b.Run(fmt.Sprint(classes), func(b *testing.B) {
			p := share.NewPool[share.Class](1 << 14)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i&256 == 0 {
					p.Take(share.Class(i%classes), 1)
				} else {
					p.Give(share.Class(i%classes), 1)
				}
			}
		})
	}
}

// TestRate_Take gives each class its burst and then its rate.
func TestRate_Take(t *testing.T) {
	t.Parallel()
	const second = int64(1e9)
	r := share.NewRate[string](10, 100)
	take := func(class string, at int64) (n int) {
		for r.Take(class, 1, at) {
			n++
		}
		return n
	}
	for _, tt := range []struct {
		class string
		at    int64
		want  int
	}{
		{"a", 0, 100}, {"a", 0, 0}, {"a", second, 10}, {"b", second, 100}, {"a", 0, 0}, {"a", 3 * second, 30}, {"a", 1000 * second, 100},
	} {
		if got := take(tt.class, tt.at); got != tt.want {
			t.Errorf("%s at %d s: took %d; want %d", tt.class, tt.at/second, got, tt.want)
		}
	}
}

// TestRate_bound forgets full buckets, so that clients that come and go cost nothing.
func TestRate_bound(t *testing.T) {
	t.Parallel()
	r := share.NewRate[int](1, 1)
	for i := range 100_000 {
		if !r.Take(i, 1, int64(i)*1e9) {
			t.Fatalf("class %d has no bucket", i)
		}
	}
	if n := r.Buckets(); n > 4096 {
		t.Errorf("%d buckets are kept; want at most 4096", n)
	}
}
