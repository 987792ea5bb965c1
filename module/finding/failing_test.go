package finding_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/module/finding"
)

// TestService_Verified names the checks that fail for a qube in its findings, and counts them.
func TestService_Verified(t *testing.T) {
	t.Parallel()
	type verdict struct {
		iface, check string
		fails        bool
	}
	for name, tt := range map[string]struct {
		verdicts []verdict
		want     string
	}{
		"none":            {nil, ""},
		"fail":            {[]verdict{{"vif7.0", "VPN-5", true}}, "VPN-5"},
		"fails, in order": {[]verdict{{"vif7.0", "VPN-5", true}, {"vif7.0", "DNS-1", true}, {"vif7.0", "VPN-5", true}}, "DNS-1, VPN-5"},
		"pass":            {[]verdict{{"vif7.0", "VPN-5", false}}, ""},
		"fail, then pass": {[]verdict{{"vif7.0", "VPN-5", true}, {"vif7.0", "ISO-1", true}, {"vif7.0", "VPN-5", false}}, "ISO-1"},
		"all pass again":  {[]verdict{{"vif7.0", "VPN-5", true}, {"vif7.0", "VPN-5", false}}, ""},
		"of another qube": {[]verdict{{"vif8.0", "VPN-5", true}}, ""},
		"of this machine": {[]verdict{{"", "SYS-1", true}}, ""},
	} {
		plain := newWorld(nil)
		plain.run(t, func() { plain.beacons(0, 12) })
		w := newWorld(nil)
		w.run(t, func() {
			for _, v := range tt.verdicts {
				w.Verified(v.iface, v.check, v.fails, start)
			}
			w.beacons(0, 12)
		})
		if len(w.documents) != 1 || len(plain.documents) != 1 {
			t.Fatalf("%s: found %v, and %v without verdicts; want a beacon", name, w.found(), plain.found())
		}
		d, score := w.documents[0], plain.documents[0].Score
		evidence := "the qube fails verification: " + tt.want
		if tt.want == "" {
			if d.Score != score || strings.Contains(d.Reason, "verification") {
				t.Errorf("%s: score %v, %q; want %v", name, d.Score, d.Reason, score)
			}
			continue
		}
		if !slices.Contains(d.Evidence, evidence) || !strings.HasSuffix(d.Reason, "; "+evidence) || d.Score != min(1, score+0.1) || d.Score == score {
			t.Errorf("%s: score %v, evidence %q, reason %q; want %q and %v", name, d.Score, d.Evidence, d.Reason, evidence, score+0.1)
		}
	}
	(*finding.Service)(nil).Verified("vif7.0", "VPN-5", true, start) // without detection
}
