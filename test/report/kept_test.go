package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// demoEvents returns the path of the events of the demonstration.
func demoEvents(t *testing.T) string {
	t.Helper()
	return fixture.Repository(t, "demo", "events.ndjson")
}

// TestScene_kept checks the events of the demonstration.
func TestScene_kept(t *testing.T) {
	t.Parallel()
	checkScene(t, demoEvents(t))
}

// checkScene holds that each part of the report of a file has what was played.
func checkScene(t *testing.T, path string) {
	t.Helper()
	a := read(t, path)
	for name, want := range map[string]string{
		"qubes.csv": "sys-vpn", "peers.csv": "www.example.org", "names.csv": "nosuch.example.org", "lists.csv": "ads", "verdicts.csv": "VPN-1",
		"inventory.csv": "label: yellow", "sensors.csv": "sys-log",
	} {
		if text := fmt.Sprint(table(t, a, name)); !strings.Contains(text, want) {
			t.Errorf("%s has no %s: %s", name, want, text)
		}
	}
	findings := fmt.Sprint(table(t, a, "findings.csv"))
	for _, rule := range []string{"beacon", "dns-bypass", "lateral"} {
		if !strings.Contains(findings, rule) {
			t.Errorf("no %s was found: %s", rule, findings)
		}
	}
	refused := fmt.Sprint(table(t, a, "refused.csv"))
	for _, point := range []string{"qvm-firewall", "inter-qube", "input", "antispoof"} {
		if !strings.Contains(refused, point) {
			t.Errorf("nothing was refused at %s: %s", point, refused)
		}
	}
	if qubes := fmt.Sprint(table(t, a, "qubes.csv")); !strings.Contains(qubes, "spoofed") {
		t.Errorf("nothing is spoofed: %s", qubes)
	}
}
