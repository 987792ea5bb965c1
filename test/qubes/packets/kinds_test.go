//go:build linux

package packets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// everything are settings with a source of events of each kind.
const everything = stored + `
  protocols: [{type: dns, ports: [53]}, {type: http, ports: [80]}]
  firewall: {enabled: true}
  resolver: {socket: HOME/dns.sock, listen: ["0.0.0.0:5353"], qvm_firewall: {qubesdb: %q}}
`

// dnat is what Qubes does with the addresses of its DNS.
const dnat = `
table ip qubes {
	chain dnat-dns {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.139.1.1 udp dport 53 dnat to 10.139.1.1
		ip daddr 10.139.1.1 tcp dport 53 dnat to 10.139.1.1
	}
}
`

// kind says which of the events that have a flow this one is, "" if it is none.
func kind(raw []byte) string {
	var e struct {
		Type  string
		Event struct{ Dataset string }
		Qube  struct{ Name string }
		Flow  struct{ ID string }
		Net   struct {
			ID string `json:"community_id"`
		} `json:"network"`
		Source, Destination struct{ IP string }
	}
	if json.Unmarshal(raw, &e) != nil || e.Qube.Name != "work" || e.Flow.ID == "" && e.Net.ID == "" && (e.Source.IP == "" || e.Destination.IP == "") {
		return ""
	}
	return strings.TrimSpace(e.Type + " " + e.Event.Dataset)
}

// TestKinds fetches packets for an event of each kind that is about a flow: flows,
// transactions, queries of the resolver, verdicts and findings.
func TestKinds(t *testing.T) {
	db := testbed.StartQubesDB(t, map[string]string{"/qubes-primary-dns": "10.139.1.1", "/qubes-firewall/10.137.0.6/policy": "drop", "/qubes-firewall/10.137.0.6/0000": "action=accept"})
	h := newHome(t, fmt.Sprintf(everything, db.Path))
	if err := h.Log.Nft(dnat); err != nil {
		t.Fatal(err)
	}
	if _, talk, err := h.Log.Run(t.Context(), beat.Program(t), h.beat.Args("qubes", "apply")...); err != nil {
		t.Fatal(err, talk)
	}
	h.run(t, h.work, "curl -sS -o /dev/null "+testbed.SmallURL)
	h.run(t, h.work, "dig www.example.org @"+testbed.MagicDNS)
	h.run(t, h.work, "dig www.example.org @"+testbed.DNSAddr)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, _ = h.work.Run(ctx, "curl", "-sS", "--max-time", "1", "http://10.137.0.5:22/") // is refused
	found := map[string][]byte{}
	poll.Until(t, "an event of each kind", func() bool {
		for _, raw := range h.lines(t) {
			if k := kind(raw); k != "" && found[k] == nil {
				found[k] = raw
			}
		}
		return len(found) >= 6
	})
	for k, raw := range found {
		out := filepath.Join(t.TempDir(), "out.pcapng")
		_, talk, status := h.pcap(t, "get", "--event", h.write(t, &event{raw: raw}), "-w", out)
		if n := len(frames(t, out)); status != 0 || n == 0 {
			t.Errorf("%s: status %d, %d packets: %s\n%s", k, status, n, talk, raw)
		}
	}
	want := []string{"dns dns", "dns qubesbeat.dns", "finding qubesbeat.finding", "firewall qubesbeat.firewall", "flow flow", "http http"}
	if diff := cmp.Diff(want, keys(found)); diff != "" {
		t.Errorf("kinds mismatch (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(filepath.Join(h.dir, "reads.log")); err != nil || strings.Count(string(text), "\n") != len(found) || !strings.Contains(string(text), `"uid":0`) {
		t.Errorf("reads.log has %q (%v); want a line of each", text, err)
	}
}

// keys returns the kinds.
func keys(found map[string][]byte) (all []string) {
	for k := range found {
		all = append(all, k)
	}
	return sorted(all)
}

// TestRules has a running beat take new rules, watch an address, and show both.
func TestRules(t *testing.T) {
	h := newHome(t, stored)
	get := "curl -sS -o /dev/null " + testbed.SmallURL
	h.run(t, h.work, get)
	config := filepath.Join(h.beat.Home, "qubesbeat.yml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	next := strings.Replace(string(text), "exclude: [{qubes: [untrusted]}]", `exclude: [{labels: [blue]}], filter: "not port 80"`, 1)
	if err := os.WriteFile(config, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, talk, status := h.pcap(t, "reload"); status != 0 || out != "reloaded\n" {
		t.Fatalf("reload: status %d: %s%s", status, out, talk)
	}
	if out, talk, status := h.pcap(t, "watch", testbed.WebAddr, "--for", "10m"); status != 0 || !strings.Contains(out, testbed.WebAddr) {
		t.Errorf("watch: status %d: %s%s", status, out, talk)
	}
	h.run(t, h.work, "ping -c1 "+testbed.WebAddr)
	h.run(t, h.untrusted, get)
	h.run(t, h.untrusted, "ping -c1 "+testbed.WebAddr)
	poll.Until(t, "the new rules in status", func() bool {
		out, _, _ := h.pcap(t, "status")
		row := strings.Contains(out, "untrusted  "+h.untrusted.Vif)
		return row && strings.Contains(out, "watched until") && strings.Contains(out, "filter: not port 80")
	})
	h.pcap(t, "seal")
	out := filepath.Join(t.TempDir(), "out.pcapng")
	if _, talk, status := h.pcap(t, "get", "--qube", "untrusted", "--filter", "port 80", "-w", out); status != 4 {
		t.Errorf("what the filter refuses is stored: status %d: %s", status, talk)
	}
	if _, talk, status := h.pcap(t, "get", "--qube", "untrusted", "--filter", "icmp", "-w", out); status != 0 {
		t.Errorf("untrusted is not stored after the reload: status %d: %s", status, talk)
	}
	if _, talk, status := h.pcap(t, "get", "--qube", "work", "--filter", "icmp", "-w", out); status != 4 {
		t.Errorf("work is stored although it is excluded: status %d: %s", status, talk)
	}
	if out, _, _ := h.pcap(t, "status"); !strings.Contains(out, "work") {
		t.Errorf("what was stored of work before is gone:\n%s", out)
	}
}
