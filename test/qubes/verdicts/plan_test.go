//go:build linux

package verdicts_test

import (
	"strings"
	"testing"
)

// TestPlan checks that applying twice changes nothing, that what Qubes or a user has
// changed is seen and mended, and that undo leaves what was there before, to the
// byte.
func TestPlan(t *testing.T) {
	h := newHome(t, section+`
  resolver: {listen: ["0.0.0.0:5353"], socket: HOME/dns.sock, qvm_firewall: {obey: never}}
`)
	if err := h.Log.Nft("add rule ip qubes custom-input tcp dport 7 accept\n" + userRule); err != nil {
		t.Fatal(err)
	}
	before := h.ruleset(t)
	if out := h.qubes(t, "plan"); !strings.Contains(out, "add     custom-qubesbeat-dns") || h.ruleset(t) != before {
		t.Errorf("plan has changed something, or does not say what it would do:\n%s", out)
	}
	if out := h.qubes(t, "apply"); !strings.Contains(out, "\ninstalled\n") {
		t.Errorf("apply says\n%s", out)
	}
	applied := h.ruleset(t)
	if out := h.qubes(t, "apply"); !strings.Contains(out, "nothing to do") || h.ruleset(t) != applied {
		t.Errorf("a second apply changes something:\n%s", out)
	}
	h.mend(t, applied)
	if out := h.qubes(t, "status"); strings.Contains(out, "!!") || !strings.Contains(out, "4 of 4 client addresses have a name") {
		t.Errorf("status says\n%s", out)
	}
	h.qubes(t, "undo", "--if-open")
	if now := h.ruleset(t); !strings.Contains(now, "custom-qubesbeat-dns") {
		t.Errorf("undo --if-open removes something although resolver.fail is closed:\n%s", now)
	}
	h.qubes(t, "undo", "--if-open", "-E", "qubesbeat.resolver.fail=open")
	if now := h.ruleset(t); strings.Contains(now, "custom-qubesbeat-dns") || !strings.Contains(now, "table inet qubesbeat") {
		t.Errorf("undo --if-open, with resolver.fail open, leaves\n%s", now)
	}
	h.qubes(t, "undo")
	if after := h.ruleset(t); after != before {
		t.Errorf("undo leaves\n%s\nwant\n%s", after, before)
	}
	h.beat.Stop(t)
}

// mend breaks the rules in the ways that happen, and has apply repair them.
func (h *home) mend(t *testing.T, applied string) {
	t.Helper()
	for name, damage := range map[string]string{
		"a chain is empty":    "flush chain ip qubes custom-qubesbeat-dns",
		"the jump is gone":    "flush chain ip qubes custom-input\nadd rule ip qubes custom-input tcp dport 7 accept",
		"a rule was added":    "add rule inet qubesbeat rejects accept",
		"the jump is doubled": "add rule ip qubes custom-input jump custom-qubesbeat-input",
		"the table is gone":   "delete table inet qubesbeat",
	} {
		if err := h.Log.Nft(damage); err != nil {
			t.Fatal(err)
		}
		if out := h.qubes(t, "plan"); strings.Contains(out, "nothing to do") {
			t.Errorf("%s: plan sees nothing", name)
		}
		h.qubes(t, "apply")
		if now := h.ruleset(t); now != applied && name != "the table is gone" { // which then comes last
			t.Errorf("%s: apply leaves\n%s", name, now)
		}
	}
}
