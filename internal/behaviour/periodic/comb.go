package periodic

import "math"

// A program that says at intervals that it lives, and does other things in between, makes no
// regular gaps. But most of its beats have another one period later, and beats that come by
// chance do not.
const (
	combMin     = 3000 // shortest period, in milliseconds
	combPeriods = 6    // that the beats must span
	combBetween = 4    // a beat is followed by the next of the kind after that many beats at most
	combBeats   = 8    // that must have one a period later
	combShare   = 0.4  // of those that can
	// combLimit is the evidence against chance, in units of e: 3e-10 for one period, of which
	// some 500 are tried.
	combLimit = 22
)

// widths are how near the other must be: within a part of the period, or of some milliseconds
// if that is more. Timers of a program are exact, and those of a loop that works are not.
var widths = [...]struct{ part, least int64 }{{64, 100}, {512, 30}}

// comb is what a period explains.
type comb struct {
	with, of int     // beats that have another one period later, of those that can
	sum      float64 // of the gaps between both, in milliseconds
	jitter   float64 // share of the period within which they are
	evidence float64
}

// Comb looks for beats at intervals among others in between. It returns what [Series.Look]
// returns, without a spread and a coherence. It takes up to 0.2 ms, so it is for the few
// series where nothing of the kind is usual.
func (s *Series) Comb() Verdict {
	var gaps [Ring]uint32
	var at [Ring + 1]int64
	n := 1
	for _, g := range s.ordered(&gaps) {
		at[n] = at[n-1] + int64(g)
		n++
	}
	best := bestComb(at[:n])
	v := Verdict{Gaps: n - 1}
	if best.evidence < combLimit {
		return v
	}
	v.Regular, v.Sameness = true, s.sameness()
	v.Period = int64(best.sum / float64(best.with) * 1e6)
	v.Jitter = best.jitter
	v.Margin = 1 - combLimit/best.evidence
	v.Score = 0.5 + 0.35*v.Margin + 0.15*v.Sameness
	return v
}

// bestComb tries the gaps between beats that are near each other as periods.
func bestComb(at []int64) (best comb) {
	span := at[len(at)-1]
	for i := range at {
		for j := i + 1; j < min(i+1+combBetween, len(at)); j++ {
			period := at[j] - at[i]
			if period < combMin || period*combPeriods > span {
				continue
			}
			for _, w := range widths {
				if c := combOf(at, period, max(period/w.part, w.least)); c.evidence > best.evidence {
					best = c
				}
			}
		}
	}
	return best
}

// combOf returns what a period explains, give or take some milliseconds. Chance is what others near it do, at least: beats
// that come in clusters have others at many distances.
func combOf(at []int64, period, take int64) comb {
	c := pairs(at, period, take)
	if c.with < combBeats || float64(c.with) < combShare*float64(c.of) {
		return comb{}
	}
	chance := 1 - math.Exp(-float64(2*take)*float64(len(at))/float64(at[len(at)-1]))
	if c.evidence = evidence(c, chance); c.evidence < combLimit {
		return comb{}
	}
	with, of := 0, 0
	for _, part := range [...]int64{60, 68, 76, 84, 116, 124, 132, 140} { // in percent
		other := pairs(at, period*part/100, take)
		with, of = with+other.with, of+other.of
	}
	c.jitter = float64(take) / float64(period)
	c.evidence = evidence(c, max(chance, float64(with)/float64(max(of, 1))))
	return c
}

// evidence returns Chernoff's bound of having that many by chance, in units of e.
func evidence(c comb, chance float64) float64 {
	share := float64(c.with) / float64(c.of)
	if share <= chance {
		return 0
	}
	e := share * math.Log(share/chance)
	if share < 1 {
		e += (1 - share) * math.Log((1-share)/(1-chance))
	}
	return e * float64(c.of)
}

// pairs counts the beats that have another one a period later, give or take.
func pairs(at []int64, period, take int64) (c comb) {
	j := 0
	for i := range at {
		if at[i]+period > at[len(at)-1] {
			break
		}
		c.of++
		for j < len(at) && at[j] < at[i]+period-take {
			j++
		}
		if j < len(at) && at[j] <= at[i]+period+take {
			c.with++
			c.sum += float64(at[j] - at[i])
		}
	}
	return c
}
