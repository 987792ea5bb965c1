//go:build linux

package attribution_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// pushDelay is how long after a disposable's first packet dom0's push arrives here.
const pushDelay = 1500 * time.Millisecond

// TestDisposable starts a disposable that uses the network before dom0's push arrives,
// and stops it soon after. All events about it have its name: flows, transactions of
// packetbeat's analyzers, queries to the resolver, verdicts.
func TestDisposable(t *testing.T) {
	h := newHome(t)
	h.push(t)
	disp := h.start("disp3210", "red", "10.138.12.162", 31)
	began := time.Now()
	work(t, disp)
	time.Sleep(max(0, pushDelay-time.Since(began))) // as late as dom0 is
	h.push(t)
	h.settle(t)
	h.RemoveClient(disp)
	h.push(t)
	h.settle(t)
	events := of(h.beat.Stop(t), "10.138.12.162")

	have := kinds(events)
	for _, kind := range []string{"flow", "qubesbeat.dns", "qubesbeat.firewall", "http", "dns"} {
		if have[kind] == 0 {
			t.Errorf("no event of the kind %s: %v", kind, have)
		}
	}
	for _, e := range events {
		if e["qube.name"] != "disp3210" || e["qube.label"] != "red" || e["qube.attribution"] != "inventory" {
			t.Errorf("%v %v is of %v, %v", e["event.dataset"], e["type"], e["qube.name"], e["qube.attribution"])
		}
	}
	t.Logf("%v", have)
}

// TestDisposable_again gives the address of a disposable to another one, as Qubes does.
// Each event has the name of its own time.
func TestDisposable_again(t *testing.T) {
	h := newHome(t)
	first := h.start("disp77", "green", "10.138.0.77", 20)
	h.push(t)
	work(t, first)
	h.RemoveClient(first)
	h.push(t)
	h.settle(t)
	second := h.start("disp77b", "red", "10.138.0.77", 21) // another name, for the test to tell them
	began := time.Now()
	work(t, second)
	h.push(t)
	events := of(h.beat.Stop(t), "10.138.0.77")
	names := map[string]int{}
	for _, e := range events {
		at, err := time.Parse(time.RFC3339, e["@timestamp"].(string))
		if start, ok := e["event.start"].(string); ok {
			at, err = time.Parse(time.RFC3339, start)
		}
		want := "disp77"
		if at.After(began.Add(-10 * time.Millisecond)) {
			want = "disp77b"
		}
		if name, _ := e["qube.name"].(string); err != nil || name != want {
			t.Errorf("%v %v at %v is of %q on %v, %v; want %s (%v began)", e["event.dataset"], e["type"], at, name, e["qube.vif"], err, want, began)
		} else {
			names[name]++
		}
	}
	if names["disp77"] < 4 || names["disp77b"] < 4 {
		t.Errorf("events: %v", names)
	}
}

// TestPush checks that only dom0's push counts, that an invalid one changes nothing, and
// that both are counted.
func TestPush(t *testing.T) {
	h := newHome(t)
	h.push(t)
	poll.Until(t, "an event about the push", func() bool { return len(h.beat.Events(t)) > 0 })
	events := h.beat.Stop(t)
	last := events.Last()
	if !last.Has(beat.Event{"stats.inventory.pushed": 1, "stats.inventory.push_refused": 0, "stats.inventory.qubes": 4}) {
		t.Errorf("stats: %v pushed, %v refused, %v qubes", last["stats.inventory.pushed"], last["stats.inventory.push_refused"], last["stats.inventory.qubes"])
	}
}
