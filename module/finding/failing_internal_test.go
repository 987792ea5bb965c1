package finding

import (
	"fmt"
	"testing"
)

// TestFailing_bound forgets the interface whose verdict is the oldest.
func TestFailing_bound(t *testing.T) {
	t.Parallel()
	f := failing{}
	for i := range 2 * maxFailing {
		f.note(fmt.Sprintf("vif%d.0", i), "VPN-1", true, int64(i))
	}
	if last := fmt.Sprintf("vif%d.0", 2*maxFailing-1); len(f) != maxFailing || f.of("vif0.0") != "" || f.of(last) != "VPN-1" {
		t.Errorf("%d interfaces are remembered, the first as %q, the last as %q", len(f), f.of("vif0.0"), f.of(last))
	}
}
