//go:build linux

package live_test

import (
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestBeat_inventoryReloaded checks that a bad inventory changes nothing, that a
// good one is taken over within seconds, with an event about what changed, and
// that the flows before and after have the label of their own time.
func TestBeat_inventoryReloaded(t *testing.T) {
	h := newHome(t)
	b := startBeat(t, h.Network, h.clients()...)
	h.run(t, h.banking, "curl -sS -o /dev/null "+testbed.SmallURL)
	good, err := os.ReadFile(inventory(b))
	if err != nil {
		t.Fatal(err)
	}

	replace(t, inventory(b), "banking|AppVM|no such line\n")
	b.AwaitLog(t, "rejected inventory", "", "")
	h.run(t, h.work, "curl -sS -o /dev/null "+testbed.SmallURL)

	changed := strings.Replace(string(good), "|green|sys-log|10.137.0.7|", "|black|sys-log|10.137.0.7|", 1)
	if changed == string(good) {
		t.Fatalf("no green banking in the inventory:\n%s", good)
	}
	replace(t, inventory(b), changed)
	b.AwaitLog(t, "inventory changed", "", "")
	h.run(t, h.banking, "dig +short www.example.org @"+testbed.MagicDNS)
	h.Settle()
	events := b.Stop(t)

	for _, e := range flows(events, onVif(h.work.Vif)) {
		if e.Text("qube.name") != "work" {
			t.Errorf("a flow during the bad inventory is of %q; want work", e.Text("qube.name"))
		}
	}
	labels := map[string]string{}
	for _, e := range flows(events, onVif(h.banking.Vif)) {
		labels[e.Text("network.transport")] = e.Text("qube.label")
	}
	if labels["tcp"] != "green" || labels["udp"] != "black" {
		t.Errorf("labels before and after = %q, %q; want green, black", labels["tcp"], labels["udp"])
	}
	checkChange(t, events)
}

// replace writes a file as dom0's push does: at once.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// checkChange looks for the one inventory event, and for the refused inventory in
// the last stats event.
func checkChange(t *testing.T, events beat.Events) {
	t.Helper()
	changes := 0
	for _, e := range events {
		switch e.Text("event.dataset") {
		case "qubesbeat.inventory":
			changes++
			if e.Text("event.action") != "qube_changed" || e.Text("qube.name") != "banking" ||
				e.Text("qube.label") != "black" || e.Text("inventory.previous.label") != "green" {
				t.Errorf("inventory event = %v; want banking changed from green to black", e)
			}
		case "qubesbeat.stats":
			if e.Flag("stats.last") && e.Number("stats.inventory.failures") != 1 {
				t.Errorf("%d inventories refused; want 1", e.Number("stats.inventory.failures"))
			}
		}
	}
	if changes != 1 {
		t.Errorf("%d inventory events; want 1", changes)
	}
}
