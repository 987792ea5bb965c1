//go:build linux

package live_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestAttack09_pause stops the beat for ten seconds while a qube sends some 100 packets
// in each: none is lost.
func TestAttack09_pause(t *testing.T) {
	h := newHome(t)
	b := startBeat(t, h.Network, h.clients()...)
	h.run(t, h.work, "ping -q -c 3 -i 0.01 "+testbed.WebAddr) // the vif is captured
	b.Signal(t, syscall.SIGSTOP)
	stopped := time.Now()
	h.run(t, h.work, "ping -q -c 500 -i 0.02 "+testbed.WebAddr) // and as many answers
	t.Logf("the beat stood still for %v", time.Since(stopped))
	b.Signal(t, syscall.SIGCONT)
	h.Settle()
	events := b.Stop(t)
	checkBalance(t, events)
	packets, drops := uint64(0), uint64(0)
	for _, e := range events {
		if e.Flag("stats.last") {
			drops = e.Number("stats.capture.kernel_drops")
		}
		if e.Text("observer.ingress.interface.name") == h.work.Vif && e.Number("flow.icmp.type") == 8 && e.Flag("flow.final") {
			packets += e.Number("network.packets")
		}
	}
	if drops != 0 || packets < 1006 {
		t.Errorf("%d frames dropped by the kernel, %d packets of the pings in events; want 0 and 1006", drops, packets)
	}
}
