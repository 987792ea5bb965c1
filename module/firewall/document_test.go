package firewall_test

import (
	"flag"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/golden"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	firewallmodule "github.com/qubesbeat/qubesbeat/module/firewall"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const t0 = int64(1_700_000_000e9)

var (
	work = &qube.Qube{Name: "work", Label: "blue", Class: qube.ClassApp, NetVM: "sys-log", IP: netip.MustParseAddr("10.137.0.15"), XID: 12}
	disp = &qube.Qube{Name: "disp77", Label: "red", IP: netip.MustParseAddr("10.137.0.16"), XID: 14}
)

func verdicts() map[string]firewallmodule.Document {
	between := firewall.Tuple{Proto: 6, Src: work.IP, Dst: disp.IP, SrcPort: 45678, DstPort: 22}
	parties := event.Parties{Interface: "vif12.0", Qube: work, Client: work.IP, Attribution: event.Inventory,
		SourceQube: work, DestinationQube: disp, Direction: event.Internal}
	world := parties
	world.DestinationQube, world.Direction = nil, event.Outbound
	return map[string]firewallmodule.Document{
		"user": {Parties: parties, Verdict: firewall.Verdict{Tuple: between, Point: firewall.User, Rule: "QUBES DROP: ",
			Source: firewall.KernelLog, In: "vif12.0", Out: "vif14.0", First: t0, Last: t0 + 1e9, Count: 3, Bytes: 180}},
		"rejected": {Parties: world, Verdict: firewall.Verdict{Tuple: firewall.Tuple{Proto: 1, Src: work.IP, Dst: netip.MustParseAddr("198.51.100.7"), ICMPType: 8, ICMPID: 5},
			Point: firewall.QVMFirewall, Reply: firewall.ReplyAdmin, In: "vif12.0", Out: "eth0", First: t0, Last: t0, Count: 1, Bytes: 84}},
		"coalesced": {Parties: world, Verdict: firewall.Verdict{Tuple: firewall.Tuple{Proto: 17, Src: work.IP, DstPort: 9999},
			Point: firewall.QVMFirewall, In: "vif12.0", Out: "eth0", First: t0, Last: t0 + 2e9, Count: 4000, Coalesced: true}},
	}
}

// TestDocument_Write compares with testdata/*.golden.json, which -update rewrites.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	for name, d := range verdicts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fields := event.ToMap(&d)
			delete(fields["observer"].(map[string]any), "version")
			golden.Compare(t, name, fields, *update)
		})
	}
}
