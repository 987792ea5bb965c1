//go:build linux

package live_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestBeat_restartedBeforePush checks that a qube that was restarted, with a new
// domain and the same address, is named by its address until dom0 has pushed
// the new inventory, and is not taken for one that borrows its own address.
func TestBeat_restartedBeforePush(t *testing.T) {
	h := newHome(t)
	b := startBeat(t, h.Network, h.clients()...)
	h.run(t, h.banking, "curl -sS -o /dev/null "+testbed.SmallURL)
	h.Settle()
	again := h.ReAdd(h.banking, 21)
	b.AwaitLog(t, "following interface", "interface", again.Vif)
	h.run(t, again, "curl -sS -o /dev/null "+testbed.SmallURL)
	h.Settle()
	events := flows(b.Stop(t), onVif(again.Vif))
	if len(events) == 0 {
		t.Fatalf("no flow on %s", again.Vif)
	}
	for _, e := range events {
		if e.Text("qube.name") != "banking" || e.Text("qube.attribution") != "inventory" {
			t.Errorf("a flow of the restarted qube is of %q, %s; want banking, inventory",
				e.Text("qube.name"), e.Text("qube.attribution"))
		}
	}
}
