package summary_test

import (
	"flag"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/golden"
	"github.com/qubesbeat/qubesbeat/internal/quota"
	"github.com/qubesbeat/qubesbeat/module/summary"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestDocument_Write compares with testdata/*.golden.json, which -update rewrites.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	const t0 = int64(1_700_000_000e9)
	p := ofQube(7)
	account := event.Account{Parties: &p, Dataset: "flow", Size: 1400, Start: t0, End: t0 + 2e9, Count: 1, Sent: event.Traffic{Packets: 3, Bytes: 300},
		Received: event.Traffic{Packets: 2, Bytes: 2000}, Peer: netip.MustParseAddr("192.0.2.1"), Port: 443, Name: "www.example", Outcome: "idle"}
	interim := event.Account{Parties: &p, Dataset: "flow", Size: 1400, Start: t0 - 1e9, End: t0 + 1e9, Peer: netip.MustParseAddr("192.0.2.1"), Port: 22}
	verdict := event.Account{Parties: &event.Parties{Interface: "vif9.0"}, Dataset: "qubesbeat.firewall", Size: 1200, Start: t0, End: t0, Count: 40, Outcome: "qvm-firewall"}
	add := func() []*quota.Summary {
		l := quota.New(quota.Config{Now: func() int64 { return 0 }})
		l.Admit(&account)
		l.Admit(&interim)
		l.Admit(&verdict)
		return l.Close()
	}
	all := add()
	for range 4 { // the number of ports is an estimate: for one seed in 256, two are one
		if all[1].Ports() == 2 {
			break
		}
		all = add()
	}
	for i, name := range []string{"unknown", "flows"} {
		fields := event.ToMap(summary.Document{Summary: all[i]})
		delete(fields["observer"].(map[string]any), "version")
		golden.Compare(t, name, fields, *update)
	}
}
