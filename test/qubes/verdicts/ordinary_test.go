//go:build linux

package verdicts_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestTwoVifs has two vifs with one address, as an HVM and its stub domain have: the
// route leads to one of them, and what the other sends is no less genuine.
func TestTwoVifs(t *testing.T) {
	h := newHome(t, section)
	h.qubes(t, "apply")
	h.AddClient(testbed.Client{Name: "stub", Label: "blue", DomID: 40, IP: h.disp.IP}) // its route is the newer one
	datagrams(t, h.disp, 50, true, testbed.DNSAddr+":9997")
	h.settle(t)
	events := h.beat.Stop(t)
	if got := events.Where(beat.Event{"event.dataset": "qubesbeat.firewall", "destination.port": 9997}); len(got) > 0 {
		t.Errorf("what Qubes lets through is reported as refused: %v", got)
	}
	if last := events.Last(); last["stats.firewall.spoofed"] == 0.0 {
		t.Error("the test tests nothing: no packet had a route that leads elsewhere")
	}
}

// TestStandstill stops the beat now and then, as a pause of the qube does, while all
// that happens is let through.
func TestStandstill(t *testing.T) {
	h := newHome(t, section)
	h.qubes(t, "apply")
	process, err := os.FindProcess(h.beat.PID())
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if err := process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for range 9 {
			datagrams(t, h.disp, 30, false, testbed.DNSAddr+":9997")
			time.Sleep(100 * time.Millisecond)
		}
		_ = process.Signal(syscall.SIGCONT)
		time.Sleep(300 * time.Millisecond)
	}
	h.settle(t)
	if got := h.beat.Stop(t).Where(beat.Event{"event.dataset": "qubesbeat.firewall"}); len(got) > 0 {
		t.Errorf("what was let through is reported as refused: %v", got)
	}
}

// TestForeignRules checks that rules of another, however nft prints them, do not
// stand in the way, and that those which lead to our chains are left as they are.
func TestForeignRules(t *testing.T) {
	h := newHome(t, section+"\n  resolver: {listen: [\"0.0.0.0:5353\"], socket: HOME/dns.sock, qvm_firewall: {obey: never}}\n")
	const rules = `
table inet other {
	set many {
		type ipv4_addr
		flags interval
		elements = { 1.0.0.0/8, 2.0.0.0/8 }
	}
	chain input {
		type filter hook input priority 5
		tcp dport 22 jump { accept; }
		tcp dport vmap { 1 : drop, 2 : accept }
	}
}
`
	if err := h.Log.Nft(rules); err != nil {
		t.Fatal(err)
	}
	h.qubes(t, "apply")
	if err := h.Log.Nft(`add rule ip qubes custom-forward iifname "vif99.0" goto custom-qubesbeat-input`); err != nil {
		t.Fatal(err)
	}
	h.qubes(t, "undo")
	left := h.ruleset(t)
	if strings.Contains(left, "custom-qubesbeat-dns") || strings.Contains(left, "table inet qubesbeat") || !strings.Contains(left, "goto custom-qubesbeat-input") {
		t.Errorf("undo leaves\n%s", left)
	}
	if out := h.qubes(t, "undo"); !strings.Contains(out, "nothing to do") {
		t.Errorf("a second undo does\n%s", out)
	}
}
