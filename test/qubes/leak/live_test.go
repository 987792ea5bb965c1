//go:build linux

package leak_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// section has the running beat verify sys-vpn.
const section = `
  interfaces.device: ["vif*", "eth0"]
  inventory: {file: HOME/inventory}
  verify:
    enabled: true
    expect: [{qubes: [sys-vpn], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"]}]

queue.mem.flush.timeout: 20ms
`

// alertWithin is how long after its first packet a leak may be in the output, if the queue of
// libbeat does not wait for a full batch (by default it does for a second).
const alertWithin = 100 * time.Millisecond

// TestLive_alert has the first leaked packet in the file of the output in time, and the verdict
// on the socket.
func TestLive_alert(t *testing.T) {
	l := newWireGuard(t)
	home := beat.NewHome(t)
	l.WriteInventory(filepath.Join(home, "inventory"))
	b := beat.Start(t, l.Network, home, section)
	l.up()
	l.pings(l.client)
	l.down()
	first := make(chan time.Time, 1)
	go func() {
		for !hasAlert(b.Events(t)) {
			time.Sleep(5 * time.Millisecond)
		}
		first <- time.Now()
	}()
	l.pings(l.client)
	select {
	case at := <-first:
		for _, e := range b.Events(t) {
			if e.Text("event.dataset") != "qubesbeat.verify" || e.Text("event.kind") != "alert" {
				continue
			}
			leaked, err := time.Parse(time.RFC3339Nano, e.Text("event.start"))
			if err != nil {
				t.Fatal(err)
			}
			took := at.Sub(leaked)
			t.Logf("%s was written %v after the packet", e.Text("rule.id"), took)
			if took > alertWithin {
				t.Errorf("the alert took %v; want at most %v", took, alertWithin)
			}
			break
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no alert")
	}
	out, _, _ := l.Log.Run(t.Context(), beat.Program(t), b.Args("verify", "--socket", filepath.Join(home, "data", "verify.sock"))...)
	t.Logf("%s", out)
	l.check("live", wireGuard, "VPN-1 sys-vpn fail")
	events := b.Stop(t)
	last := events[len(events)-1]
	for _, e := range events {
		if e.Flag("stats.last") {
			last = e
		}
	}
	n := func(name string) uint64 { return last.Number("stats.verify." + name) }
	if n("packets") == 0 || n("agree")+n("against")+n("own")+n("not_judged") != n("packets") {
		t.Errorf("%d packets; %d agree, %d against, %d own, %d not judged", n("packets"), n("agree"), n("against"), n("own"), n("not_judged"))
	}
}

// hasAlert reports whether a verdict is an alert.
func hasAlert(events beat.Events) bool {
	for _, e := range events {
		if e.Text("event.dataset") == "qubesbeat.verify" && e.Text("event.kind") == "alert" {
			return true
		}
	}
	return false
}
