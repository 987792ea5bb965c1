package periodic_test

import (
	"math/rand/v2"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beacon"
)

// TestSeries_checkin takes the connections of a check-in, some of which come much closer than others,
// for one beat.
func TestSeries_checkin(t *testing.T) {
	t.Parallel()
	const trials = 50
	rng := rand.New(rand.NewPCG(7, 1))
	for _, tt := range []struct {
		connections int
		apart       float64 // seconds
		period      float64
		jitter      float64
	}{
		{2, 0.5, 4, 0.02}, {3, 0.5, 4, 0.02}, {3, 0.5, 5, 0.02}, {3, 0.5, 10, 0.02}, {3, 1, 20, 0.05}, {4, 1, 30, 0.05}, {3, 2.5, 60, 0.1}, {4, 0.5, 10, 0.05},
		{4, 0.5, 60, 0.05}, {8, 0.5, 30, 0.05}, {8, 0.5, 60, 0.05}, {8, 0.7, 60, 0.05}, {8, 0.5, 300, 0.05}, {12, 0.5, 120, 0.1},
	} {
		found := 0
		for range trials {
			var at []float64
			for begun := 0.0; len(at) < 80*tt.connections; begun += tt.period * (1 - tt.jitter + 2*tt.jitter*rng.Float64()) {
				for i := range tt.connections {
					at = append(at, begun+float64(i)*tt.apart)
				}
			}
			if m, _ := alarm(at, func() uint64 { return 420 }); m >= 0 {
				found++
			}
		}
		if found < trials-1 {
			t.Errorf("%d connections %g s apart, every %g s: %d of %d found", tt.connections, tt.apart, tt.period, found, trials)
		}
	}
}

// TestSeries_denser goes on with a series whose beats have come as close as the connections of one before.
func TestSeries_denser(t *testing.T) {
	t.Parallel()
	var s periodic.Series
	at := int64(start)
	for range 40 { // pairs, a minute apart
		for _, gap := range []int64{3e9, 57e9} {
			at += gap
			if s.Add(at) {
				s.Look()
			}
		}
	}
	before := s.Beats()
	for range 3000 { // and then each four seconds
		at += 4e9
		if s.Add(at) {
			s.Look()
		}
	}
	if n := s.Beats() - before; n < 500 {
		t.Errorf("%d of 3000 beats are counted; want most of them after the first thousand", n)
	}
}

// TestSeries_clusters calls no series of clusters a beacon, whose arrivals are as close as those of check-ins
// but come by chance.
func TestSeries_clusters(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 2))
	found, trials := 0, 2000
	for range trials {
		n := 2 + rng.IntN(11)
		var at []float64
		for _, begun := range beacon.Poisson(rng, 60, 6*3600) {
			for i := range n {
				at = append(at, begun+float64(i)*0.5)
			}
		}
		last := 0.0
		for i := range at { // in order
			at[i] = max(at[i], last)
			last = at[i]
		}
		if m, _ := alarm(at, func() uint64 { return 420 }); m >= 0 {
			found++
		}
	}
	t.Logf("%d of %d", found, trials)
	if found > 2 {
		t.Errorf("%d of %d series of clusters by chance are called beacons; want at most 2", found, trials)
	}
}
