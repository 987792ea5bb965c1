package cmd

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/topology"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestAddView_external has the addresses that were claimed in the table and in the picture, also
// of a qube that is not attached here, and none of a qube that is not in the map.
func TestAddView_external(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := &topology.Map{Host: "sys-log", At: now, Qubes: []topology.Qube{{Name: "sys-vpn", Netvm: "sys-log"}, {Name: "banking", Netvm: "sys-vpn"}}}
	addView(m, &judge.View{At: now, External: []judge.External{
		{Qube: "banking", Address: netip.MustParseAddr("198.51.100.7"), Method: "claim", At: now.Add(-10 * time.Minute)},
		{Qube: "other", Address: netip.MustParseAddr("198.51.100.8"), Method: "claim", At: now},
		{Qube: "banking", Address: netip.MustParseAddr("198.51.100.9"), Method: "stun", Split: true, At: now}}})
	for name, form := range map[string]mapForm{"table": {table: true}, "svg": {svg: true}} {
		var b strings.Builder
		if err := form.write(m, &b); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"198.51.100.7", "claim", "10 min", "198.51.100.9", "stun, split"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q in the %s:\n%s", want, name, b.String())
			}
		}
		if strings.Contains(b.String(), "198.51.100.8") {
			t.Errorf("a qube that is not there is in the %s", name)
		}
	}
}
