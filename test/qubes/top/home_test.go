//go:build linux

package top_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// home is a sys-log in which everything counts that top shows.
type home struct {
	*testbed.Network
	beat          *beat.Beat
	work, banking *testbed.Qube
	top           string // path of the socket
}

const section = `
  interfaces.device: ["vif*"]
  flows: {period: 1s}
  inventory.file: HOME/inventory
  firewall: {enabled: true}
  resolver: {listen: ["0.0.0.0:5353"], socket: HOME/dns.sock, upstreams: {default: ["udp://192.0.2.53"]}, qvm_firewall: {obey: never},
    lists: {ads: {deny: ["*.ads.example\n"]}}}
`

func newHome(t *testing.T) *home {
	t.Helper()
	return newHomeWith(t, "")
}

// newHomeWith is newHome with more settings.
func newHomeWith(t *testing.T, settings string) *home {
	t.Helper()
	testbed.Require(t, "nft", "curl", "dig", "ping", "tmux")
	nw := testbed.New(t, testbed.Config{})
	nw.StartServers()
	h := &home{Network: nw,
		work: nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: netip.MustParseAddr("10.137.0.6"),
			Rules: []string{"tcp dport 8443 reject with icmp type admin-prohibited"}}),
		banking: nw.AddClient(testbed.Client{Name: "banking", Label: "green", DomID: 5, IP: netip.MustParseAddr("10.137.0.7")}),
	}
	dir := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(dir, "inventory"))
	h.beat = beat.Start(t, nw, dir, section+settings)
	if _, _, err := nw.Log.Run(t.Context(), beat.Program(t), h.beat.Args("qubes", "apply")...); err != nil {
		t.Fatal(err)
	}
	h.top = filepath.Join(dir, "data", "top.sock")
	return h
}

// run runs a command, given as words, in a qube.
func (h *home) run(t *testing.T, q *testbed.Qube, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	args := strings.Fields(command)
	if _, stderr, err := q.Run(ctx, args[0], args[1:]...); err != nil {
		t.Errorf("%s: %s: %v %s", q, command, err, stderr)
	}
}
