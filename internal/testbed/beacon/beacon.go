// Package beacon generates the times at which implants, pollers, people and chance
// connect, for tests of what tells them apart. Everything follows from the random numbers
// that are passed in. Times are in seconds.
package beacon

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Model is how an implant varies its sleep T by a jitter j.
type Model string

// The models.
const (
	None    Model = "none"    // not at all
	Uniform Model = "uniform" // T(1±j), as Empire and Covenant
	Gauss   Model = "gauss"   // with the standard deviation jT
	Cobalt  Model = "cobalt"  // within T(1-j) and T, as Cobalt Strike
	Plus    Model = "plus"    // within T and T(1+j), as Sliver and Merlin
)

// Case describes check-ins.
type Case struct {
	Model  Model
	Period float64
	Jitter float64
	Skip   float64 // share of check-ins that are missing
	Busy   float64 // share of check-ins that are followed by up to five more connections
	Sizes  Sizes
}

// Sizes is how much is sent each time.
type Sizes string

// The kinds of sizes.
const (
	Constant Sizes = "constant"
	Varied   Sizes = "varied" // up to half more
	Tasks    Sizes = "tasks"  // now and then much more
	Web      Sizes = "web"    // log-normal
)

// Times returns the times of check-ins within some seconds.
func (c *Case) Times(rng *rand.Rand, seconds float64) (at []float64) {
	for t := rng.Float64() * c.Period; t < seconds; t += c.gap(rng) {
		if rng.Float64() < c.Skip {
			continue
		}
		at = append(at, t+rng.ExpFloat64()*0.02) // the delay of the network
		if rng.Float64() < c.Busy {
			for u, n := t, 1+rng.IntN(5); n > 0; n-- {
				u += rng.ExpFloat64() * 0.4
				at = append(at, u)
			}
		}
	}
	slices.Sort(at)
	return at
}

// gap returns the time until the next check-in.
func (c *Case) gap(rng *rand.Rand) float64 {
	t, j := c.Period, c.Jitter
	switch c.Model {
	case Uniform:
		return t * (1 + j*(2*rng.Float64()-1))
	case Gauss:
		return max(t/20, t*(1+j*rng.NormFloat64()))
	case Cobalt:
		return t * (1 - j*rng.Float64())
	case Plus:
		return t * (1 + j*rng.Float64())
	}
	return t
}

// Bytes returns the bytes of a check-in.
func (s Sizes) Bytes(rng *rand.Rand) uint64 {
	switch s {
	case Varied:
		return uint64(420 * (1 + rng.Float64()/2))
	case Tasks:
		if rng.Float64() < 0.08 {
			return uint64(4000 * math.Exp(1.2*rng.NormFloat64()))
		}
	case Web:
		return uint64(1500 * math.Exp(rng.NormFloat64()))
	}
	return uint64(420 + rng.IntN(2))
}

// Poisson returns the times of chance, some seconds apart on average.
func Poisson(rng *rand.Rand, mean, seconds float64) (at []float64) {
	for t := rng.ExpFloat64() * mean; t < seconds; t += rng.ExpFloat64() * mean {
		at = append(at, t)
	}
	return at
}

// Browsing returns the times at which a person visits pages of a site, in sessions: a page
// every 20 s to 10 min, with up to six connections each.
func Browsing(rng *rand.Rand, sessions int, seconds float64) (at []float64) {
	for range sessions {
		t := rng.Float64() * seconds
		stop := min(seconds, t+1200*math.Exp(0.8*rng.NormFloat64()))
		for t < stop {
			for u, n := t, 1+rng.IntN(6); n > 0; n-- {
				u += rng.ExpFloat64() * 0.3
				at = append(at, u)
			}
			t += 60 * math.Exp(1.1*rng.NormFloat64())
		}
	}
	slices.Sort(at)
	return at
}

// NTP returns the times of a time client, whose interval grows from 64 to 1024 s.
func NTP(rng *rand.Rand, seconds float64) (at []float64) {
	poll := 64.0
	for t := rng.Float64() * 64; t < seconds; t += poll * (0.97 + 0.06*rng.Float64()) {
		at = append(at, t)
		if len(at)%8 == 0 && poll < 1024 {
			poll *= 2
		}
	}
	return at
}
