package periodic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/racing"
)

// TestCritical simulates a Poisson process and holds the table to what comes out, within
// what 20,000 series can say: at most 8 of them beyond a value that one in 10,000 exceeds.
func TestCritical(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	series := racing.Some(20_000)
	for _, c := range criticals {
		gaps := make([]uint32, c.gaps)
		var regular, coherent int
		for range series {
			for i := range gaps {
				gaps[i] = uint32(rng.ExpFloat64() * 1e6)
			}
			slices.Sort(gaps)
			q1, q2, q3 := quartiles(gaps)
			if (q3-q1)/q2 < c.spread {
				regular++
			}
			if _, r := phases(gaps, 0); r > c.coherence {
				coherent++
			}
		}
		if regular > 8 || coherent > 8 {
			t.Errorf("%d gaps: %d and %d of %d series of chance are beyond the critical values; want at most 8", c.gaps, regular, coherent, series)
		}
	}
}

// TestCritical_floor uses the values of fewer gaps, which are the stricter ones.
func TestCritical_floor(t *testing.T) {
	t.Parallel()
	for n := 8; n <= Ring; n++ {
		spread, coherence := critical(n)
		at := slices.IndexFunc(criticals[:], func(c struct {
			gaps              int
			spread, coherence float64
		}) bool {
			return c.spread == spread
		})
		if criticals[at].gaps > n || coherence != criticals[at].coherence {
			t.Errorf("critical(%d) = those of %d gaps", n, criticals[at].gaps)
		}
	}
}

// TestCosines agrees with math.Cos, and a sine is found three quarters of a turn on.
func TestCosines(t *testing.T) {
	t.Parallel()
	for i := range fullTurn {
		turn := 2 * math.Pi * float64(i) / fullTurn
		if d := math.Abs(float64(cosines[i]) - math.Cos(turn)); d > 1e-6 {
			t.Fatalf("cosines[%d] is %g off", i, d)
		}
		if d := math.Abs(float64(cosines[(i+fullTurn*3/4)%fullTurn]) - math.Sin(turn)); d > 1e-6 {
			t.Fatalf("sine of %d is %g off", i, d)
		}
	}
}
