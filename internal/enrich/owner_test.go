package enrich_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
)

// TestEnricher_Owner returns the IPv4 address of a qube for both of its addresses.
func TestEnricher_Owner(t *testing.T) {
	t.Parallel()
	e := enrich.Enricher{Qubes: fakeLookup{work}}
	for a, want := range map[string]string{"10.137.0.6": "10.137.0.6", "fd09:24ef:4179::a89:6": "10.137.0.6", world: world, "2001:db8::1": "2001:db8::1"} {
		if got := e.Owner(addr(a), t0.UnixNano()); got != addr(want) {
			t.Errorf("Owner(%s) = %v; want %s", a, got, want)
		}
	}
}
