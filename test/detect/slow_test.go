package detect

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beacon"
)

// TestSynthetic_slow holds that beacons with a period of ten minutes are found in six hours,
// which has 36 of them. -v prints the shares.
func TestSynthetic_slow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		model beacon.Model
		by    float64
		least float64 // percent
	}{
		{"no jitter", beacon.None, 0, 98},
		{"uniform 20 %", beacon.Uniform, 0.2, 98},
		{"uniform 50 %", beacon.Uniform, 0.5, 30},
		{"Gauss 30 %", beacon.Gauss, 0.3, 70},
	} {
		got := rates(checkIns(beacon.Case{Model: c.model, Period: 600, Jitter: c.by}), beacon.Constant, 6*3600, 60)
		t.Logf("600 s, %s, in 6 h: ours %.0f, RITA > 0.7 %.0f, Elastic %.0f, flare %.0f %%", c.name, got.ours, got.rita7, got.elastic, got.flare)
		if got.ours < c.least {
			t.Errorf("%s: %.0f %% are called beacons; want %.0f %%", c.name, got.ours, c.least)
		}
	}
}
