package finding

import (
	"fmt"
	"testing"
)

// TestFailing_bound forgets the interface whose verdict is the oldest.
func TestFailing_bound(t *testing.T) {
	t.Parallel()
	const later = 1 << 32
	f := failing{}
	for i := range 2 * maxFailing {
		f.note(fmt.Sprintf("vif%d.0", i), "VPN-1", true, int64(i))
	}
	if last := fmt.Sprintf("vif%d.0", 2*maxFailing-1); len(f) != maxFailing || f.of("vif0.0", later) != "" || f.of(last, later) != "VPN-1" {
		t.Errorf("%d interfaces are remembered, the first as %q, the last as %q", len(f), f.of("vif0.0", later), f.of(last, later))
	}
}

// TestFailing_since does not hold against a flow that has ended what failed after its end, even if the
// flow is reported later.
func TestFailing_since(t *testing.T) {
	t.Parallel()
	f := failing{}
	f.note("vif4.0", "VPN-4", true, 10)
	f.note("vif4.0", "DNS-1", true, 20)
	f.note("vif4.0", "VPN-4", true, 30)
	for at, want := range map[int64]string{9: "", 10: "VPN-4", 19: "VPN-4", 20: "DNS-1, VPN-4", 30: "DNS-1, VPN-4", 31: "DNS-1, VPN-4"} {
		if got := f.of("vif4.0", at); got != want {
			t.Errorf("at %d %q fails; want %q", at, got, want)
		}
	}
}
