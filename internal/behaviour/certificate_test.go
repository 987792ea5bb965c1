package behaviour_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/servercert"
)

// TestEngine_certificate reports a certificate that no authority has issued, once, of a
// destination in the world that the qube does not know.
func TestEngine_certificate(t *testing.T) {
	t.Parallel()
	const year = 366 * 24 * 3600
	for name, tt := range map[string]struct {
		change func(o *behaviour.Observation)
		want   string // in the reason
		score  float64
	}{
		"plain":   {func(*behaviour.Observation) {}, "work uses TLS with 203.0.113.66:443, whose certificate no authority has issued", 0.5},
		"long":    {func(o *behaviour.Observation) { o.Certificate.NotAfter += 20 * year }, "; it is valid until 2044-", 0.7},
		"expired": {func(o *behaviour.Observation) { o.At += 500 * day }, "; it has expired on 2024-", 0.7},
		"future":  {func(o *behaviour.Observation) { o.Certificate.NotBefore += year }, "; it is not valid before 2024-", 0.7},
		"port":    {func(o *behaviour.Observation) { o.Port = 4782 }, "; port 4782 is unusual", 0.6},
		"other names": {func(o *behaviour.Observation) {
			o.Certificate.SelfIssued, o.Certificate.OtherNames = false, true
		}, "work uses TLS with 203.0.113.66:443, whose certificate is for other names", 0.5},
		"known":     {func(o *behaviour.Observation) { o.Domain = "site1.example" }, "", 0},
		"neighbour": {func(o *behaviour.Observation) { o.Place = behaviour.LAN }, "", 0},
	} {
		w := newWorld(nil)
		at := w.work("work", rand.New(rand.NewPCG(1, 1)))
		w.findings = nil
		for range 2 {
			o := contact("work", "203.0.113.66:443", "", at)
			o.Kind, o.Certificate = behaviour.Presented, &servercert.Certificate{SelfIssued: true, NotBefore: at/1e9 - year/2, NotAfter: at/1e9 + year/2}
			tt.change(o)
			w.Observe(o)
		}
		switch {
		case tt.want == "" && len(w.findings) > 0:
			t.Errorf("%s: found %v", name, w.rules())
		case tt.want == "":
		case len(w.findings) != 1 || w.rules()[0] != map[bool]string{true: "tls-odd/other-names low", false: "tls-odd/self-signed low"}[name == "other names"] || !strings.Contains(w.findings[0].Reason, tt.want) || w.findings[0].Score != tt.score:
			t.Errorf("%s: found %+v; want %q and a score of %v", name, w.findings, tt.want, tt.score)
		}
	}
}
