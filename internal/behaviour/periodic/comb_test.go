package periodic_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
	"github.com/qubesbeat/qubesbeat/internal/testbed/racing"
)

// combed returns whether a series is found at one of its looks, and the verdict.
func combed(next func() float64, n int) (v periodic.Verdict, found bool) {
	var s periodic.Series
	at := int64(1_700_000_000e9)
	for range n {
		at += int64(next() * 1e9)
		if s.Add(at) {
			if s.Look(); !found {
				v = s.Comb()
				found = v.Regular
			}
		}
	}
	return v, found
}

// answering returns the gaps of a client that says every 13.5 s that it lives, and answers in
// between with some chance.
func answering(rng *rand.Rand, chance float64) func() float64 {
	left := 0.0
	return func() float64 {
		if left == 0 && rng.Float64() < chance {
			gap := 0.6 + 12*rng.Float64()
			left = 13.5 - gap
			return gap
		}
		gap := 13.5 + 0.05*rng.Float64()
		if left > 0 {
			gap, left = left, 0
		}
		return gap
	}
}

// TestSeries_Comb finds what comes at intervals among other things, and nothing in beats that
// come by chance, in clusters, or as people type: of 10,000 each, when the limit was set, none.
func TestSeries_Comb(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 1))
	for name, tt := range map[string]struct {
		next        func() func() float64
		series, n   int
		least, most int // that are found
	}{
		"answers in between":      {func() func() float64 { return answering(rng, 0.4) }, 200, 64, 190, 200},
		"answers to each":         {func() func() float64 { return answering(rng, 1) }, 200, 64, 190, 200},
		"chance":                  {func() func() float64 { return func() float64 { return 9 * rng.ExpFloat64() } }, 1_000, 64, 0, 0},
		"clusters":                {func() func() float64 { return func() float64 { return math.Exp(1.5 * rng.NormFloat64()) } }, 1_000, 64, 0, 0},
		"clusters of clusters":    {func() func() float64 { return func() float64 { return math.Exp(2.5 * rng.NormFloat64()) } }, 1_000, 64, 0, 0},
		"questions and answers":   {func() func() float64 { return talk(rng) }, 1_000, 64, 0, 0},
		"gaps of a wide interval": {func() func() float64 { return func() float64 { return 5 + 10*rng.Float64() } }, 1_000, 64, 0, 0},
	} {
		found := 0
		n := racing.Some(tt.series)
		for range n {
			v, ok := combed(tt.next(), tt.n)
			if ok {
				found++
			}
			if ok && tt.least > 0 && math.Abs(float64(v.Period)-13.5e9) > 0.3e9 && math.Abs(float64(v.Period)-27e9) > 0.6e9 {
				t.Errorf("%s: period %d; want 13.5 s", name, v.Period)
			}
		}
		t.Logf("%s: %d of %d", name, found, n)
		if found < tt.least*n/tt.series || found > tt.most {
			t.Errorf("%s: %d of %d series are found; want %d to %d", name, found, n, tt.least*n/tt.series, tt.most)
		}
	}
}

// talk returns the gaps of someone who writes a few messages, and waits for the answer.
func talk(rng *rand.Rand) func() float64 {
	left := 0
	return func() float64 {
		if left > 0 {
			left--
			return 1 + 2*rng.Float64()
		}
		left = rng.IntN(5)
		return 10 + 40*rng.ExpFloat64()
	}
}

// BenchmarkComb is what a look costs.
func BenchmarkComb(b *testing.B) {
	rng := rand.New(rand.NewPCG(11, 2))
	var s periodic.Series
	next, at := answering(rng, 0.6), int64(1_700_000_000e9)
	for range 200 {
		at += int64(next() * 1e9)
		s.Add(at)
	}
	for b.Loop() {
		s.Comb()
	}
}
