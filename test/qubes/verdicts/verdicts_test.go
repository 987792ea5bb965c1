//go:build linux

package verdicts_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// userRule is a rule of the owner of sys-log, where Qubes lets him have some.
const userRule = `add rule ip qubes custom-forward ip saddr 10.138.4.218 tcp dport 4444 drop`

// refuse does everything that sys-log does not let happen, and something that it
// does.
func (h *home) refuse(t *testing.T) {
	t.Helper()
	connect(t, h.work, testbed.WebAddr+":8443", 2*time.Second)
	connect(t, h.disp, "10.137.0.6:22", 2500*time.Millisecond)
	connect(t, h.disp, "10.137.0.5:22", time.Second)
	connect(t, h.work, "[fd09:24ef:4179::a89:5]:22", time.Second)
	connect(t, h.disp, testbed.WebAddr+":4444", 500*time.Millisecond)
	datagrams(t, h.work, 60, true, testbed.DNSAddr+":9999")
	datagrams(t, h.banking, 60, false, testbed.DNSAddr+":9998")
	for _, line := range [][]string{{"ip", "addr", "add", "10.137.0.77/32", "dev", "eth0"},
		{"sh", "-c", "ping -c 3 -i 0.2 -W 1 -I 10.137.0.77 " + testbed.WebAddr + " || true"}} {
		if _, _, err := h.disp.Run(t.Context(), line[0], line[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := h.banking.Run(t.Context(), "curl", "-sS", "--max-time", "8", testbed.SmallURL); err != nil {
		t.Error(err)
	}
}

// TestVerdicts checks that each refusal gives the right event, with both names and
// with its number.
func TestVerdicts(t *testing.T) {
	h := newHome(t, section)
	if err := h.Log.Nft(userRule); err != nil {
		t.Fatal(err)
	}
	h.qubes(t, "apply")
	h.refuse(t)
	h.settle(t)
	events := h.beat.Stop(t)

	type e = beat.Event
	for _, tt := range []struct {
		name  string
		want  e
		count int // of all events together, at least
	}{
		{"qvm-firewall, TCP", e{"qube.name": "work", "qube.label": "blue", "qube.vif": "vif4.0", "destination.ip": testbed.WebAddr, "destination.port": 8443,
			"network.transport": "tcp", "firewall.point": "qvm-firewall", "firewall.reply": "admin-prohibited", "event.action": "firewall-rejected",
			"observer.ingress.interface.name": "vif4.0", "observer.egress.interface.name": "eth0"}, 1},
		{"qvm-firewall, a burst from one port", e{"qube.name": "work", "destination.port": 9999, "firewall.point": "qvm-firewall", "firewall.source": "nflog"}, 60},
		{"qvm-firewall, a burst from many ports", e{"qube.name": "banking", "destination.port": 9998, "firewall.point": "qvm-firewall"}, 60},
		{"inter-qube", e{"source.qube.name": "disp1234", "source.qube.label": "red", "destination.qube.name": "work", "destination.qube.label": "blue",
			"destination.port": 22, "firewall.point": "inter-qube", "event.action": "firewall-dropped", "network.direction": "internal"}, 2},
		{"input", e{"qube.name": "disp1234", "destination.ip": "10.137.0.5", "destination.port": 22, "firewall.point": "input", "firewall.reply": "host-prohibited"}, 1},
		{"input, IPv6", e{"qube.name": "work", "destination.ip": "fd09:24ef:4179::a89:5", "firewall.point": "input", "network.type": "ipv6"}, 1},
		{"antispoof", e{"qube.name": "disp1234", "qube.attribution": "spoofed", "source.ip": "10.137.0.77", "firewall.point": "antispoof",
			"network.transport": "icmp", "firewall.icmp.type": 8}, 3},
		{"user", e{"qube.name": "disp1234", "destination.port": 4444, "firewall.point": "user", "event.action": "firewall-dropped"}, 1},
	} {
		tt.want["event.dataset"] = "qubesbeat.firewall"
		total := 0.0
		for _, got := range events.Where(tt.want) {
			total += got["firewall.count"].(float64)
		}
		if exact := tt.count >= 3; total < float64(tt.count) || exact && total != float64(tt.count) {
			t.Errorf("%s: %v refused packets are reported; want %d", tt.name, total, tt.count)
		}
	}
	h.balance(t, events)
}

// balance checks that what was allowed has no verdict, and that the numbers of all
// verdicts are those of the counters.
func (h *home) balance(t *testing.T, events beat.Events) {
	t.Helper()
	total := 0.0
	for _, e := range events.Where(beat.Event{"event.dataset": "qubesbeat.firewall"}) {
		total += e["firewall.count"].(float64)
		if e["qube.name"] == nil || e["destination.port"] == 80.0 {
			t.Errorf("a verdict without a name, or of what was let through: %v", e)
		}
		t.Logf("%v %v -> %v:%v %v %v %v", e["qube.name"], e["source.ip"], e["destination.ip"], e["destination.port"], e["firewall.point"], e["firewall.reply"], e["firewall.count"])
	}
	last := events.Last()
	if last["stats.firewall.refused"] != total || last["stats.firewall.nflog_lost"] != 0.0 || last["stats.firewall.undecided"] != 0.0 {
		t.Errorf("%v refused, %v reported, %v lost, %v undecided", last["stats.firewall.refused"], total, last["stats.firewall.nflog_lost"], last["stats.firewall.undecided"])
	}
}
