//go:build linux

package attribution_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestHVM has an HVM without drivers: its packets come in on the vif of its stub
// domain, which dom0's push names.
func TestHVM(t *testing.T) {
	h := newHome(t)
	win := h.AddClient(testbed.Client{Name: "win11", Label: "orange", Class: "StandaloneVM", IP: netip.MustParseAddr("10.137.0.16"), DomID: 17})
	h.pushText(t, `{"version": 1, "qubes": [{"name": "win11", "label": "orange", "ip": "10.137.0.16", "xid": 16, "stubdom_xid": 17, "netvm": "sys-log"}]}`)
	work(t, win)
	events := of(h.beat.Stop(t), "10.137.0.16")
	for _, e := range events {
		if e["qube.name"] != "win11" || e["qube.attribution"] != "inventory" {
			t.Errorf("%v is of %v, %v", e["event.dataset"], e["qube.name"], e["qube.attribution"])
		}
	}
	if len(events) < 4 {
		t.Errorf("%d events", len(events))
	}
}

// TestSwitch takes a running qube off sys-log and brings it back, as `qvm-prefs netvm`
// does: the vif comes again under its old name, for the domain is the same. While it is
// elsewhere, another qube gets its address.
func TestSwitch(t *testing.T) {
	h := newHome(t)
	const ip = "10.137.0.8"
	listed := func(name string) string {
		return fmt.Sprintf(`{"version": 1, "qubes": [{"name": %q, "label": "blue", "ip": %q, "xid": 4, "netvm": "sys-log"}]}`, name, ip)
	}
	var bounds []time.Time
	for _, name := range []string{"personal", "other", "personal"} {
		bounds = append(bounds, time.Now())
		q := h.AddClient(testbed.Client{Name: name, Label: "blue", IP: netip.MustParseAddr(ip), DomID: 4})
		h.pushText(t, listed(name))
		work(t, q)
		h.RemoveClient(q)
		h.pushText(t, `{"version": 1, "qubes": []}`)
		h.settle(t)
	}
	for _, e := range of(h.beat.Stop(t), ip) {
		start, _ := e["event.start"].(string)
		at, err := time.Parse(time.RFC3339, start)
		want := "personal"
		if at.After(bounds[1].Add(-5*time.Millisecond)) && at.Before(bounds[2].Add(-5*time.Millisecond)) {
			want = "other"
		}
		if e["qube.name"] != want && err == nil {
			t.Errorf("%v at %v is of %v; want %s", e["event.dataset"], at, e["qube.name"], want)
		}
	}
}
