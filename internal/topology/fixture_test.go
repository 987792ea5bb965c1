package topology_test

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/topology"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func ips(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

// laptop is a Map with everything in it.
func laptop() *topology.Map {
	external := func(addr, method string, ago time.Duration) []topology.External {
		return []topology.External{{Addr: netip.MustParseAddr(addr), Method: method, At: now.Add(-ago)}}
	}
	return &topology.Map{Host: "sys-log", Upstream: []string{"sys-net", "sys-firewall"}, At: now, Qubes: []topology.Qube{
		{Name: "work", Label: "blue", Class: "AppVM", State: "Running", Addrs: ips("10.137.0.6"), Netvm: "sys-log", Vif: "vif4.0", Mark: topology.Pass,
			Exit: topology.Exit{Kind: "clear", Seen: topology.SeenTraffic, External: external("199.189.94.43", "claim", 2*time.Hour)}},
		{Name: "sys-vpn", Label: "green", Class: "AppVM", State: "Running", Addrs: ips("10.137.0.20", "fd00::14"), Netvm: "sys-log", Vif: "vif7.0",
			Mark: topology.Fail, Checks: []string{"VPN-4"}, Exit: topology.Exit{Kind: "vpn", Protocol: "wireguard", Endpoint: "203.0.113.9:51820",
				Seen: topology.SeenTunnel, External: external("45.84.107.74", "claim", 10*time.Minute)}},
		{Name: "banking", Label: "green", Class: "AppVM", State: "Running", Addrs: ips("10.137.0.22"), Netvm: "sys-vpn", Exit: topology.Exit{Kind: "vpn"}},
		{Name: "mail", Label: "yellow", Class: "AppVM", State: "Halted", Addrs: ips("10.137.0.23"), Netvm: "sys-vpn"},
		{Name: "sys-whonix", Label: "black", Class: "AppVM", State: "Running", Addrs: ips("10.137.0.21"), Netvm: "sys-log", Vif: "vif9.0",
			Mark: topology.Unknown, Checks: []string{"TOR-3"}, Exit: topology.Exit{Kind: "tor", Seen: topology.SeenTunnel}},
		{Name: "disp1234", Label: "red", Class: "DispVM", State: "Running", Addrs: ips("10.138.4.218"), Netvm: "sys-log", Vif: "vif19.0"},
	}}
}
