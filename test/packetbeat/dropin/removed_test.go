//go:build linux

package dropin_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestFault_interfaceRemoved takes a vif away, as the end of a qube does, and gives
// it back. packetbeat ends with it, although another interface is there.
func TestFault_interfaceRemoved(t *testing.T) {
	require(t)
	t.Parallel()
	each(t, func(t *testing.T, p program, h *home) {
		b := h.start(t, p, h.work, h.onVifs(30*time.Second, -time.Second)+outputFile)
		h.spray(t, h.banking, 20_000, 10)
		h.Settle()
		h.RemoveClient(h.banking)
		if p.name == theirs.name {
			select {
			case <-b.Ended():
				t.Logf("packetbeat ended with status %d after its interface was removed", exitCode(b.Err()))
				if exitCode(b.Err()) != 1 {
					t.Error("want status 1: has it failed of something else?")
				}
			case <-time.After(10 * time.Second):
				t.Error("packetbeat goes on; the fault that this test is about is gone")
			}
			return
		}
		h.spray(t, h.work, 30_000, 10)
		again := h.AddClient(h.banking.Client) // same domain, same vif
		h.WriteInventory(h.inventory)
		h.spray(t, again, 40_000, 10)
		h.run(t, again, "curl -sS -o /dev/null "+testbed.SmallURL)
		h.Settle()
		events := b.Stop(t).Filter(final)
		for _, want := range []struct {
			when  string
			vif   string
			first uint64
			flows int
		}{
			{"before, on the removed vif", h.banking.Vif, 20_000, 10},
			{"without it, on the other", h.work.Vif, 30_000, 10},
			{"after it has come back", again.Vif, 40_000, 10},
			{"after it has come back", again.Vif, 80, 1},
		} {
			got := events.Filter(destPort(want.first, 10)).Filter(func(e event) bool { return e.Text("qube.vif") == want.vif })
			t.Logf("qubesbeat: %d of %d flows to ports from %d, %s", len(got), want.flows, want.first, want.when)
			if len(got) != want.flows {
				t.Errorf("%d flows to ports from %d, %s; want %d", len(got), want.first, want.when, want.flows)
			}
		}
	})
}
