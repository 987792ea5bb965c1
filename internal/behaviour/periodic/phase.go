package periodic

import "math"

// Beats that are missing make gaps of two, three, ... periods. Their phases at the period
// are near 0 all the same, while those of chance are anywhere: the Rayleigh test, at the
// best period near the shorter gaps.
const (
	periodLow, periodHigh = 0.8, 1.3 // of the 30th percentile: where the period is looked for
	periodSteps           = 24
	maxMultiple           = 8   // gaps of more periods say nothing about the phase
	minSingle             = 0.4 // share of gaps that must be one period long
	minAboveMerge         = 3   // the shorter gaps must be that many times what was merged
	fullTurn              = 1024
)

// cosines holds the cosine of each 1024th of a turn: ten times as fast as math.Cos.
var cosines = func() (t [fullTurn]float32) {
	for i := range t {
		t[i] = float32(math.Cos(2 * math.Pi * float64(i) / fullTurn))
	}
	return t
}()

// phases returns the period at which the gaps, which are sorted, agree best, and the
// length of the mean of their phases there. It returns 0 if there is no such period.
func phases(gaps []uint32, merge uint32) (period, coherence float64) {
	base := quantile(gaps, 0.3)
	if base < minPeriod || base < float64(minAboveMerge*max(merge, together)) {
		return 0, 0
	}
	for i := range periodSteps {
		t := base * (periodLow + (periodHigh-periodLow)*float64(i)/(periodSteps-1))
		if r := coherenceAt(gaps, t); r > coherence {
			period, coherence = t, r
		}
	}
	exact, single := refine(gaps, period)
	if float64(single) < minSingle*float64(len(gaps)) {
		return 0, 0
	}
	return exact, min(coherence, 1)
}

// refine returns the mean of one period of the gaps, whose period is about that given, and
// how many gaps are one period long.
func refine(gaps []uint32, period float64) (exact float64, single int) {
	var sum, periods float64
	for _, g := range gaps {
		k := math.Round(float64(g) / period)
		if k > maxMultiple {
			break
		}
		if k <= 1 {
			single++
		}
		if k >= 1 {
			sum, periods = sum+float64(g), periods+k
		}
	}
	if periods == 0 {
		return 0, 0
	}
	return sum / periods, single
}

// coherenceAt returns the length of the mean of the phases of gaps at a period.
func coherenceAt(gaps []uint32, period float64) float64 {
	var x, y float32
	n := 0
	scale := fullTurn / period
	for _, g := range gaps {
		turn := float64(g) * scale
		if turn > (maxMultiple+0.5)*fullTurn {
			break // they are sorted
		}
		at := uint32(turn+0.5) % fullTurn
		x += cosines[at]
		y += cosines[(at+fullTurn*3/4)%fullTurn]
		n++
	}
	if n*2 < len(gaps) {
		return 0
	}
	return math.Hypot(float64(x), float64(y)) / float64(len(gaps))
}
