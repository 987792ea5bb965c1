//go:build linux

package verdicts_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestFlood lets one client try as many things as it can, all of them refused. Every
// one is in a verdict or in a counter, and what another client does meanwhile is
// reported as usual.
func TestFlood(t *testing.T) {
	h := newHome(t, section)
	h.qubes(t, "apply")
	const n = 20_000
	before := h.VifCounters(h.work)
	for i := range 20 {
		datagrams(t, h.work, n/20, false, testbed.DNSAddr+":9999")
		if i == 10 {
			connect(t, h.disp, "10.137.0.5:22", 300*time.Millisecond)
		}
	}
	// What the kernel has seen come in, but for a few packets of ARP and IPv6.
	sent := float64(h.VifCounters(h.work).Sub(before).RxPackets) - 20
	h.settle(t)
	events := h.beat.Stop(t)
	reported, last := 0.0, events.Last()
	verdicts := events.Where(beat.Event{"event.dataset": "qubesbeat.firewall", "qube.name": "work"})
	for _, e := range verdicts {
		reported += e["firewall.count"].(float64)
	}
	number := func(name string) float64 { v, _ := last["stats.firewall."+name].(float64); return v }
	sum := reported + number("over_rate") + number("nflog_lost") + number("undecided")
	t.Logf("%v reported in %d verdicts, %v over the rate, %v lost, %v undecided", reported, len(verdicts), number("over_rate"), number("nflog_lost"), number("undecided"))
	if sent < n/2 || sum < sent || number("over_rate") == 0 || len(verdicts) > 5000 {
		t.Errorf("%v of %v refused datagrams are accounted for", sum, sent)
	}
	if len(events.Where(beat.Event{"qube.name": "disp1234", "destination.port": 22, "firewall.point": "input"})) == 0 {
		t.Error("the other client's refusal is not reported")
	}
	if last["stats.events.other_dropped"] != 0.0 {
		t.Errorf("%v verdicts found no room", last["stats.events.other_dropped"])
	}
}
