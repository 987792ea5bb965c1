package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beacon"
)

// TestSynthetic compares series of known origin: the share that we, RITA, Elastic's transform
// and flare call beacons. Ours may not fall below what docs/detection.md says. -v prints the
// table.
func TestSynthetic(t *testing.T) {
	t.Parallel()
	const trials = 60
	const hours2, day = 2 * 3600.0, 24 * 3600.0
	u := beacon.Uniform
	cases := []struct {
		name    string
		times   func(*rand.Rand, float64) []float64
		sizes   beacon.Sizes
		least   float64 // percent, within 2 h
		leastIn float64 // percent, within a day; negative for at most that much
	}{
		{"60 s, no jitter", checkIns(beacon.Case{Model: beacon.None, Period: 60}), beacon.Constant, 98, 98},
		{"uniform 20 %", checkIns(beacon.Case{Model: u, Period: 60, Jitter: 0.2}), beacon.Constant, 98, 98},
		{"uniform 50 %", checkIns(beacon.Case{Model: u, Period: 60, Jitter: 0.5}), beacon.Constant, 98, 98},
		{"uniform 80 %", checkIns(beacon.Case{Model: u, Period: 60, Jitter: 0.8}), beacon.Constant, 20, 85},
		{"Gauss 30 %", checkIns(beacon.Case{Model: beacon.Gauss, Period: 60, Jitter: 0.3}), beacon.Constant, 98, 98},
		{"Cobalt 20 %", checkIns(beacon.Case{Model: beacon.Cobalt, Period: 60, Jitter: 0.2}), beacon.Constant, 98, 98},
		{"Cobalt 50 %", checkIns(beacon.Case{Model: beacon.Cobalt, Period: 60, Jitter: 0.5}), beacon.Constant, 98, 98},
		{"plus 50 %", checkIns(beacon.Case{Model: beacon.Plus, Period: 60, Jitter: 0.5}), beacon.Constant, 98, 98},
		{"20 %, 30 % missing", checkIns(beacon.Case{Model: u, Period: 60, Jitter: 0.2, Skip: 0.3}), beacon.Constant, 90, 98},
		{"20 %, sizes vary", checkIns(beacon.Case{Model: u, Period: 60, Jitter: 0.2}), beacon.Varied, 98, 98},
		{"20 %, tasks, bursts", checkIns(beacon.Case{Model: u, Period: 60, Jitter: 0.2, Busy: 0.1}), beacon.Tasks, 98, 98},
		{"600 s, 20 %", checkIns(beacon.Case{Model: u, Period: 600, Jitter: 0.2}), beacon.Constant, 0, 98},
		{"chance, 60 s", func(r *rand.Rand, s float64) []float64 { return beacon.Poisson(r, 60, s) }, beacon.Constant, -1e-9, -1e-9},
		{"chance, web sizes", func(r *rand.Rand, s float64) []float64 { return beacon.Poisson(r, 60, s) }, beacon.Web, -1e-9, -1e-9},
		{"chance, 600 s", func(r *rand.Rand, s float64) []float64 { return beacon.Poisson(r, 600, s) }, beacon.Constant, -1e-9, -1e-9},
		{"browsing", func(r *rand.Rand, s float64) []float64 { return beacon.Browsing(r, max(1, int(s/10800)), s) }, beacon.Web, -1e-9, -1e-9},
		{"browsing, one size", func(r *rand.Rand, s float64) []float64 { return beacon.Browsing(r, max(1, int(s/10800)), s) }, beacon.Constant, -1e-9, -1e-9},
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-20s | 2 h: ours RITA>.7 Elastic Elastic=3 flare>5 | 24 h: ours RITA>.7 RITA>.9 Elastic Elastic=3 flare>5\n", "case, %")
	for _, c := range cases {
		short, long := rates(c.times, c.sizes, hours2, trials), rates(c.times, c.sizes, day, trials)
		fmt.Fprintf(&table, "%-20s | %9.0f %7.0f %7.0f %9.0f %7.0f | %10.0f %7.0f %7.0f %7.0f %9.0f %7.0f\n", c.name, short.ours, short.rita7, short.elastic,
			short.elastic3, short.flare, long.ours, long.rita7, long.rita9, long.elastic, long.elastic3, long.flare)
		for name, got := range map[string][2]float64{"2 h": {short.ours, c.least}, "24 h": {long.ours, c.leastIn}} {
			if least := got[1]; least < 0 && got[0] > 0 || got[0] < least {
				t.Errorf("%s within %s: %.0f %% are called beacons; want %.0f %%", c.name, name, got[0], max(0, least))
			}
		}
	}
	t.Logf("\n%s", table.String())
}

// checkIns returns what generates the times of a case.
func checkIns(c beacon.Case) func(*rand.Rand, float64) []float64 {
	return func(rng *rand.Rand, seconds float64) []float64 { return c.Times(rng, seconds) }
}

// rate is the share of series that are called beacons, in percent, by whom.
type rate struct{ ours, rita7, rita9, elastic, elastic3, flare float64 }

// rates generates series and asks everyone. RITA's window is a day in any case.
func rates(times func(*rand.Rand, float64) []float64, kind beacon.Sizes, seconds float64, trials int) (r rate) {
	rng := rand.New(rand.NewPCG(11, uint64(seconds)))
	add := func(to *float64, is bool) {
		if is {
			*to += 100 / float64(trials)
		}
	}
	for range trials {
		at := times(rng, seconds)
		sizes := make([]float64, len(at))
		for i := range sizes {
			sizes[i] = float64(kind.Bytes(rng))
		}
		if len(at) == 0 {
			continue
		}
		add(&r.ours, called(at, sizes))
		score := ritaScore(at, sizes, 24*3600)
		add(&r.rita7, score >= 0.7)
		add(&r.rita9, score >= 0.9)
		is, parts := elasticScore(at, sizes, at[len(at)-1])
		add(&r.elastic, is)
		add(&r.elastic3, parts == 3)
		add(&r.flare, flareShare(at) > 5)
	}
	return r
}

// called reports whether we call a series a beacon.
func called(at, sizes []float64) bool {
	var s periodic.Series
	for i, t := range at {
		if s.Add(1_700_000_000e9+int64(t*1e9)) && s.Look().Regular {
			return true
		}
		s.Size(uint64(sizes[i]))
	}
	return false
}
