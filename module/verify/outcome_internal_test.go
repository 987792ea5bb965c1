package verify

import (
	"fmt"
	"testing"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestOutcomes sums up the verdicts of a vif: the worst of those that say anything.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	fail := judge.Result{Check: judge.VPN1, Verdict: judge.Fail}
	pass := judge.Result{Check: judge.VPN4, Verdict: judge.Pass}
	stale := judge.Result{Check: judge.VPN4, Verdict: judge.Pass, Stale: true}
	lost := judge.Result{Check: judge.VPN7, Verdict: judge.Unknown, Reason: judge.CaptureLost}
	idle := judge.Result{Check: judge.VPN7, Verdict: judge.Unknown, Reason: judge.NoTraffic}
	again := judge.Result{Check: judge.VPN1, Verdict: judge.Pass}
	for name, tt := range map[string]struct {
		list []judge.Result
		want string
	}{
		"nothing": {nil, ""}, "idle": {[]judge.Result{idle}, ""}, "idle, pass": {[]judge.Result{idle, pass}, "pass"},
		"pass, lost": {[]judge.Result{pass, lost}, "doubt"}, "stale": {[]judge.Result{stale}, "doubt"},
		"fail, pass, lost": {[]judge.Result{fail, pass, lost}, "fail"}, "fail, and repaired": {[]judge.Result{fail, again}, "pass"},
	} {
		var o summary
		for _, r := range tt.list {
			r.Interface = "vif7.0"
			o.note(&r)
		}
		o.note(&judge.Result{Check: judge.SYS1, Verdict: judge.Fail}) // of this machine
		if got := o.word("vif7.0"); got != tt.want || o.word("vif8.0") != "" {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
}

// TestOutcomes_bound forgets the vif that was reported first.
func TestOutcomes_bound(t *testing.T) {
	t.Parallel()
	var o summary
	for i := range 2 * maxOutcomes {
		o.note(&judge.Result{Interface: fmt.Sprintf("vif%d.0", i), Verdict: judge.Pass, At: int64(i)})
	}
	if len(o.of) != maxOutcomes || o.word("vif0.0") != "" || o.word(fmt.Sprintf("vif%d.0", 2*maxOutcomes-1)) != "pass" {
		t.Errorf("%d vifs are remembered, the first as %q", len(o.of), o.word("vif0.0"))
	}
}

// TestService_Outcome follows what is reported of a leak.
func TestService_Outcome(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	b.tunnelled()
	b.tick()
	if got := b.Outcome("vif7.0"); got != "pass" {
		t.Errorf("in the tunnel: %q; want pass", got)
	}
	b.send(7, "10.137.0.20:1", "198.51.100.7:9", nil)
	if got := b.Outcome("vif7.0"); got != "fail" || b.Outcome("vif4.0") != "" {
		t.Errorf("after a leak: %q, and %q of another; want fail and nothing", got, b.Outcome("vif4.0"))
	}
}
