//go:build linux

package attribution_test

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// home is a sys-log with everything on, whose inventory dom0 pushes.
type home struct {
	*testbed.Network
	beat *beat.Beat
}

const section = `
  interfaces.device: ["vif*"]
  flows: {period: -1s, timeout: 2s}
  protocols: [{type: http, ports: [80]}, {type: dns, ports: [53]}]
  inventory: {qrexec: {enabled: true, socket: HOME/inventory.sock}}
  firewall: {enabled: true}
  resolver: {listen: ["0.0.0.0:5353"], socket: HOME/dns.sock, upstreams: {default: ["udp://192.0.2.53"]}, qvm_firewall: {obey: never}}
`

func newHome(t *testing.T) *home {
	t.Helper()
	testbed.Require(t, "nft", "curl", "dig")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	h := &home{Network: nw}
	h.beat = beat.Start(t, nw, beat.NewHome(t), section)
	if _, _, err := nw.Log.Run(t.Context(), beat.Program(t), h.beat.Args("qubes", "apply")...); err != nil {
		t.Fatal(err)
	}
	return h
}

// push does what qrexec-agent does with a call of dom0.
func (h *home) push(t *testing.T) {
	t.Helper()
	h.pushText(t, h.Inventory())
}

func (h *home) pushText(t *testing.T, text string) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(h.beat.Home, "inventory.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("qubesbeat.Inventory+ dom0\x00" + text)); err != nil {
		t.Fatal(err)
	}
}

// settle waits until the beat has written what it knows.
func (h *home) settle(t *testing.T) {
	t.Helper()
	poll.Settle(t, "events come no more", 300*time.Millisecond, func() int { return len(h.beat.Events(t)) })
}

// start starts a disposable.
func (h *home) start(name, label, ip string, id int) *testbed.Qube {
	return h.AddClient(testbed.Client{Name: name, Label: label, Class: "DispVM", IP: netip.MustParseAddr(ip), DomID: id,
		Rules: []string{"tcp dport 8443 reject with icmp type admin-prohibited"}})
}

// work does something of each kind in a qube: DNS, HTTP, something refused.
func work(t *testing.T, q *testbed.Qube) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, line := range []string{
		"dig +tries=1 +time=5 @" + testbed.MagicDNS + " www.example.org",
		"dig +tries=1 +time=5 @" + testbed.DNSAddr + " www.example.org", // past the resolver: seen by packetbeat's analyzer
		"curl -sS -o /dev/null --max-time 8 " + testbed.SmallURL,
	} {
		args := strings.Fields(line)
		if _, stderr, err := q.Run(ctx, args[0], args[1:]...); err != nil {
			t.Errorf("%s: %s: %v %s", q, line, err, stderr)
		}
	}
	_, _, _ = q.Run(ctx, "curl", "-sS", "--max-time", "1", "http://"+testbed.WebAddr+":8443/")
}

// of returns the events about an address of a client, but for those of the beat
// itself.
func of(events beat.Events, ip string) (some beat.Events) {
	for _, e := range events {
		if e["source.ip"] == ip || e["qube.ip"] == ip && e["event.dataset"] != "qubesbeat.inventory" {
			some = append(some, e)
		}
	}
	return some
}

// kinds counts events by what they are.
func kinds(events beat.Events) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		kind, _ := e["event.dataset"].(string)
		if kind == "" {
			kind, _ = e["type"].(string)
		}
		n[kind]++
	}
	return n
}
