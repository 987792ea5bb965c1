package periodic_test

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beacon"
	"github.com/qubesbeat/qubesbeat/internal/testbed/racing"
)

const start = 1_700_000_000e9

// alarm feeds a series and returns the time to its first alarm in minutes, -1 for none.
func alarm(at []float64, size func() uint64) (minutes float64, v periodic.Verdict) {
	var s periodic.Series
	for _, t := range at {
		if s.Add(start + int64(t*1e9)) {
			if v = s.Look(); v.Regular {
				return (t - at[0]) / 60, v
			}
		}
		s.Size(size())
	}
	return -1, v
}

// TestSeries_recall holds the share of beacons that are found to what docs/detection.md
// says, and that nothing else is called one.
func TestSeries_recall(t *testing.T) {
	t.Parallel()
	const trials = 100
	day := 24.0 * 3600
	beat := func(c beacon.Case) func(*rand.Rand, float64) []float64 {
		return func(rng *rand.Rand, s float64) []float64 { return c.Times(rng, s) }
	}
	u := beacon.Uniform
	for _, tt := range []struct {
		name    string
		times   func(*rand.Rand, float64) []float64
		seconds float64
		least   int // alarms
		most    int
	}{
		{"no jitter", beat(beacon.Case{Model: beacon.None, Period: 60}), 7200, 100, 100},
		{"20 %", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.2}), 7200, 100, 100},
		{"50 %", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.5}), 7200, 98, 100},
		{"50 %, a day", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.5}), day, 100, 100},
		{"80 %, a day", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.8}), day, 80, 100},
		{"Gauss 30 %", beat(beacon.Case{Model: beacon.Gauss, Period: 60, Jitter: 0.3}), 7200, 98, 100},
		{"Cobalt 20 %", beat(beacon.Case{Model: beacon.Cobalt, Period: 60, Jitter: 0.2}), 7200, 100, 100},
		{"Cobalt 50 %", beat(beacon.Case{Model: beacon.Cobalt, Period: 60, Jitter: 0.5}), 7200, 100, 100},
		{"plus 50 %", beat(beacon.Case{Model: beacon.Plus, Period: 60, Jitter: 0.5}), 7200, 100, 100},
		{"30 % missing", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.2, Skip: 0.3}), 7200, 95, 100},
		{"50 % missing", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.2, Skip: 0.5}), day, 90, 100},
		{"30 % missing, a day", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.2, Skip: 0.3}), day, 98, 100},
		{"tasks and bursts", beat(beacon.Case{Model: u, Period: 60, Jitter: 0.2, Busy: 0.1}), 7200, 98, 100},
		{"pauses, 15 %", pausing(60, 0.2, 0.15), 12 * 3600, 95, 100},
		{"pauses, 25 %", pausing(60, 0, 0.25), 12 * 3600, 90, 100},
		{"pauses, 10 %, jitter 30 %", pausing(60, 0.3, 0.1), 12 * 3600, 95, 100},
		{"pauses, 10 %, jitter 70 %", pausing(60, 0.7, 0.1), 24 * 3600, 95, 100},
		{"pauses, 15 %, each 6 s", pausing(6, 0.2, 0.15), 3600, 95, 100},
		{"600 s, 6 h", beat(beacon.Case{Model: u, Period: 600, Jitter: 0.2}), 6 * 3600, 90, 100},
		{"chance, 60 s", func(r *rand.Rand, s float64) []float64 { return beacon.Poisson(r, 60, s) }, day, 0, 0},
		{"chance, 600 s", func(r *rand.Rand, s float64) []float64 { return beacon.Poisson(r, 600, s) }, day, 0, 0},
		{"browsing", func(r *rand.Rand, s float64) []float64 { return beacon.Browsing(r, 8, s) }, day, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, uint64(tt.seconds)))
			found, late := 0, 0.0
			for range trials {
				m, v := alarm(tt.times(rng, tt.seconds), func() uint64 { return beacon.Constant.Bytes(rng) })
				if m >= 0 {
					found++
					late += m
					if tt.most == 0 {
						t.Logf("alarm: %+v", v)
					}
				}
			}
			t.Logf("%d of %d found, after %.0f minutes on average", found, trials, late/float64(max(found, 1)))
			if found < tt.least || found > tt.most {
				t.Errorf("%d of %d called a beacon; want %d to %d", found, trials, tt.least, tt.most)
			}
		})
	}
}

// pausing returns the times of a beacon that sleeps for some 5 to 15 periods after a share of its check-ins.
func pausing(period, jitter, share float64) func(*rand.Rand, float64) []float64 {
	return func(rng *rand.Rand, seconds float64) (at []float64) {
		for t := 0.0; t < seconds; {
			at = append(at, t+rng.ExpFloat64()*0.02) // the delay of the network
			gap := 1 + jitter*(2*rng.Float64()-1)
			if rng.Float64() < share {
				gap = 5 + 10*rng.Float64()
			}
			t += period * gap
		}
		return at
	}
}

// TestSeries_chance calls at most 5 of 10,000 series of chance, a day each, a beacon.
func TestSeries_chance(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 2))
	found := 0
	series := racing.Some(10_000)
	for range series {
		if m, _ := alarm(beacon.Poisson(rng, 600, 24*3600), func() uint64 { return 420 }); m >= 0 {
			found++
		}
	}
	t.Logf("%d of %d", found, series)
	if found > 5 {
		t.Errorf("%d of %d series of chance are called beacons; want at most 5", found, series)
	}
}

// TestSeries_size keeps a series small.
func TestSeries_size(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(periodic.Series{}); n > 592 {
		t.Errorf("a series takes %d bytes; want at most 592", n)
	}
}
