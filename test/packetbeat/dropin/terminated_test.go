//go:build linux

package dropin_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// liveFlows are connections that are open when the beat is terminated.
const liveFlows = 10

// TestFault_terminated ends the beat while flows are live. libbeat closes its
// pipeline before it tells a beater to stop, and packetbeat reports its flows
// after that.
func TestFault_terminated(t *testing.T) {
	require(t)
	t.Parallel()
	each(t, func(t *testing.T, p program, h *home) {
		b := h.start(t, p, h.work, h.onVifs(30*time.Second, -time.Second)+"packetbeat.protocols: [{type: icmp}]\n"+outputFile)
		for range liveFlows {
			say(t, dial(t, h.work, testbed.WebAddr+":80"), "GET / HTTP/1.1\r\n")
		}
		h.run(t, h.work, "ping -q -c2 -i0.2 "+testbed.WebAddr)
		h.Settle()
		b.Await(t, "the pings are reported", func() bool { return len(b.Events(t).Filter(ofType("icmp"))) >= 2 })
		events := b.Stop(t)

		transactions, all := len(events.Filter(ofType("icmp"))), events.Filter(destPort(80, 1))
		t.Logf("%s: %d transactions, and %d of %d live flows", p.name, transactions, len(all), liveFlows)
		if p.name == theirs.name {
			if len(all) > 0 {
				t.Error("packetbeat has reported live flows; the fault that this test is about is gone")
			}
			return
		}
		for _, e := range all {
			if !final(e) || e.Text("flow.end_reason") != "forced" || e.Text("qube.name") != h.work.Name {
				t.Errorf("a live flow is not final, forced and work's: %v", e)
			}
		}
		if len(all) != liveFlows {
			t.Errorf("%d flow events; want %d", len(all), liveFlows)
		}
	})
}
