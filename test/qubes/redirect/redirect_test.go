//go:build linux

package redirect_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// dnat is what Qubes does whenever the uplink comes back: its chain for the
// magic addresses is deleted and made again (qubes-core-agent-linux,
// network/qubes-setup-dnat-to-ns).
const dnat = `
add chain ip qubes dnat-dns
delete chain ip qubes dnat-dns
table ip qubes {
	chain dnat-dns {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.139.1.1 udp dport 53 dnat to 10.139.1.1
		ip daddr 10.139.1.1 tcp dport 53 dnat to 10.139.1.1
		ip daddr 10.139.1.2 udp dport 53 dnat to 10.139.1.2
		ip daddr 10.139.1.2 tcp dport 53 dnat to 10.139.1.2
	}
}
`

// home is a sys-log with three clients.
type home struct {
	*testbed.Network
	db                      *testbed.QubesDB
	work, personal, refused *testbed.Qube
}

const section = `
  interfaces.device: ["vif*"]
  flows.period: -1s
  protocols: [{type: dns, ports: [53]}]
  inventory.file: HOME/inventory
  resolver:
    socket: HOME/dns.sock
    listen: ["0.0.0.0:5353"]
    qvm_firewall: {qubesdb: %q}
    lists: {ads: {deny: ["www.example.org\n"]}}
    policies:
      - {labels: [blue], lists: [ads]}
      - {qubes: ["pers*"], lists: []}
      - {lists: [ads]}
    tsv: {dir: %q}
`

func newHome(t *testing.T) *home {
	t.Helper()
	testbed.Require(t, "dig", "curl", "nft")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	client := func(name, label string, id int, ip string) *testbed.Qube {
		return nw.AddClient(testbed.Client{Name: name, Label: label, DomID: id, IP: netip.MustParseAddr(ip)})
	}
	h := &home{Network: nw, work: client("work", "blue", 4, "10.137.0.6"), personal: client("personal", "yellow", 5, "10.137.0.7"),
		refused: client("offline", "black", 6, "10.137.0.9")}
	entries := map[string]string{"/qubes-primary-dns": "10.139.1.1", "/qubes-secondary-dns": "10.139.1.2"}
	for ip, rule := range map[string]string{"10.137.0.6": "action=accept", "10.137.0.7": "action=accept", "10.137.0.9": "action=drop"} {
		entries["/qubes-firewall/"+ip+"/policy"], entries["/qubes-firewall/"+ip+"/0000"] = "drop", rule
	}
	h.db = testbed.StartQubesDB(t, entries)
	if err := nw.Log.Nft(dnat); err != nil {
		t.Fatal(err)
	}
	return h
}

// dig asks from a client, as a program there would.
func dig(t *testing.T, q *testbed.Qube, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if !strings.HasPrefix(args[0], "@") {
		args = append([]string{"@" + testbed.MagicDNS}, args...)
	}
	out, stderr, err := q.Run(ctx, "dig", append([]string{"+tries=1", "+time=6"}, args...)...)
	if err != nil {
		t.Errorf("%s: dig %v: %v %s %s", q, args, err, out, stderr)
	}
	return out
}

func want(t *testing.T, what, out string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(out, p) {
			t.Errorf("%s: no %q in\n%s", what, p, out)
		}
	}
}

// TestRedirect checks what the qubes behind the redirection get, and what is
// written of it.
func TestRedirect(t *testing.T) {
	h := newHome(t)
	tsv := t.TempDir()
	home := beat.NewHome(t)
	h.WriteInventory(filepath.Join(home, "inventory"))
	b := beat.Start(t, h.Network, home, fmt.Sprintf(section, h.db.Path, tsv))
	if _, _, err := h.Log.Run(t.Context(), beat.Program(t), b.Args("qubes", "apply")...); err != nil {
		t.Fatal(err)
	}

	want(t, "work", dig(t, h.work, "www.example.org"), "status: NOERROR", "0.0.0.0", "EDE: 15 (Blocked): (ads)")
	want(t, "personal", dig(t, h.personal, "www.example.org"), "status: NOERROR", testbed.WebAddr)
	want(t, "personal over TCP", dig(t, h.personal, "+tcp", "www.example.org"), "status: NOERROR", testbed.WebAddr, "(TCP)")
	want(t, "offline", dig(t, h.refused, "www.example.org"), "status: REFUSED", "EDE: 18 (Prohibited)")
	want(t, "a large answer", dig(t, h.personal, "big.example.org", "TXT"), "Truncated, retrying in TCP", "status: NOERROR", "(TCP)")
	want(t, "the second address", dig(t, h.personal, "@10.139.1.2", "www.example.org"), testbed.WebAddr, "SERVER: 10.139.1.2")
	want(t, "no such name", dig(t, h.personal, "none.example.org"), "status: NXDOMAIN")
	h.curl(t)

	if err := h.Log.Nft(dnat); err != nil { // the uplink comes back
		t.Fatal(err)
	}
	want(t, "after the rebuild", dig(t, h.work, "www.example.org"), "0.0.0.0")

	h.db.Set("/qubes-firewall/10.137.0.7/0000", "action=drop specialtarget=dns")
	h.db.Set("/qubes-firewall/10.137.0.7", "")
	poll.Until(t, "dom0 refuses personal", func() bool { return strings.Contains(dig(t, h.personal, "www.example.org"), "REFUSED") })

	h.around(t)
	events := b.Stop(t)
	check(t, events)
	checkFlows(t, events)
	rows, err := filepath.Glob(filepath.Join(tsv, "*_work.log"))
	if err != nil || len(rows) != 1 {
		t.Fatalf("the query log of work: %v, %v", rows, err)
	}
	text, _ := os.ReadFile(rows[0])
	want(t, "query log", string(text), "10.137.0.6\twork\t", "\tBLOCKED (ads: www.example.org)\twww.example.org.\tA (0.0.0.0)\tNOERROR\tBLOCKED\tA\t")
}

// curl lets a program that knows nothing of us use the resolver, through the
// resolv.conf that every qube has.
func (h *home) curl(t *testing.T) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 10.139.1.1\nnameserver 10.139.1.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	script := "mount --bind " + conf + " /etc/resolv.conf && curl -sS --max-time 8 http://www.example.org/"
	out, stderr, err := h.personal.Run(ctx, "unshare", "-m", "sh", "-c", script)
	if err != nil || !strings.Contains(out, "hello from example.org") {
		t.Errorf("personal: curl: %v %s %s", err, out, stderr)
	}
	if out, _, err := h.work.Run(ctx, "unshare", "-m", "sh", "-c", script); err == nil {
		t.Errorf("work: curl reached a blocked name: %s", out)
	}
}

// check looks at the events.
func check(t *testing.T, events beat.Events) {
	t.Helper()
	queries, last := events.Where(beat.Event{"event.dataset": "qubesbeat.dns"}), events.Last()
	for _, tt := range []struct {
		qube, action, label, vif string
	}{{"work", "dns-blocked", "blue", "vif4.0"}, {"personal", "dns-resolved", "yellow", "vif5.0"}, {"personal", "dns-refused", "yellow", "vif5.0"},
		{"offline", "dns-refused", "black", "vif6.0"}} {
		found := false
		for _, e := range asked(queries, tt.qube) {
			found = found || e["event.action"] == tt.action && e["qube.label"] == tt.label && (e["qube.vif"] == tt.vif || e["network.transport"] == "tcp")
		}
		if !found {
			t.Errorf("no event %s of %s on %s", tt.action, tt.qube, tt.vif)
		}
	}
	if e := asked(queries, "work"); len(e) > 0 && (e[0]["rule.name"] != "www.example.org" || e[0]["rule.ruleset"] != "ads") {
		t.Errorf("rule = %v of %v", e[0]["rule.name"], e[0]["rule.ruleset"])
	}
	received, logged := last["stats.resolver.received"], last["stats.resolver.published"]
	if received != logged || received != float64(len(queries)) || last["stats.resolver.qvm_firewall_obeyed"] != 1.0 {
		t.Errorf("received %v, published %v, events %d, qvm-firewall obeyed %v", received, logged, len(queries), last["stats.resolver.qvm_firewall_obeyed"])
	}
}

// asked returns the events of a qube about the name that all ask for.
func asked(queries beat.Events, qube string) beat.Events {
	return queries.Where(beat.Event{"qube.name": qube, "dns.question.name": "www.example.org"})
}
