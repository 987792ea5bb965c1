package verify

import (
	"testing"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestService_Judged passes each result that is reported on.
func TestService_Judged(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	fails := 0
	b.deps.Judged = func(r *judge.Result) {
		if r.Interface == "vif7.0" && r.Verdict == judge.Fail {
			fails++
		}
	}
	b.tunnelled()
	b.tick()
	if fails != 0 {
		t.Errorf("%d checks fail in the tunnel", fails)
	}
	b.send(7, "10.137.0.20:1", "198.51.100.7:9", nil)
	if fails == 0 {
		t.Error("a leak is not passed on")
	}
}
