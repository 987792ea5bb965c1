package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Verify describes what is expected of the qubes, and how their packets are judged.
type Verify struct {
	// Enabled turns verification on. It only looks. Default false.
	Enabled bool `config:"enabled"`
	// Expect are the ways by which qubes are to reach the outside. The first that names a
	// qube counts.
	Expect []VerifyExpect `config:"expect"`
	// Isolation are exceptions from the isolation of qubes.
	Isolation VerifyIsolation `config:"isolation"`
	// Rules reads the rules of nft and of qvm-firewall. Default true.
	Rules bool `config:"rules"`
	// Probes is the service by which dom0 announces canaries. If it is enabled, packets to the
	// networks of the canaries are dropped here.
	Probes Qrexec `config:"probes"`
	// InventoryAge is how old the inventory's file may be until verdicts are unknown. Default 0,
	// for any age: dom0 pushes when something changes.
	InventoryAge Duration `config:"inventory_age"`
	// Window is for how long a pass lasts after the last packet that agrees. Default 15m.
	Window Duration `config:"window"`
	// Hold is how long a fail lasts after the last packet against. Default 24h.
	Hold Duration `config:"hold"`
	// Period is the time between two events of a verdict that does not change. Default 15m.
	Period Duration `config:"period"`
}

// VerifyExpect is what is expected of qubes.
type VerifyExpect struct {
	// Qubes are names or patterns (work-*).
	Qubes []string `config:"qubes"`
	// Exit is clear, vpn, tor or anon.
	Exit string `config:"exit"`
	// Protocol of the tunnel: wireguard, openvpn, ipsec or any, the default.
	Protocol string `config:"protocol"`
	// Endpoints of the tunnel, such as 203.0.113.9:51820/udp.
	Endpoints []string `config:"endpoints"`
	// Names of the endpoints, which the qube may look up beside the tunnel.
	Names []string `config:"names"`
	// OwnTraffic that the qube may send beside the tunnel: lan, ntp.
	OwnTraffic []string `config:"own_traffic"`
	// Relays is a file with Tor's consensus.
	Relays string `config:"relays"`
	// Bridges of Tor, such as 203.0.113.9:443/tcp.
	Bridges []string `config:"bridges"`
}

// VerifyIsolation are exceptions from the isolation of qubes.
type VerifyIsolation struct {
	// Allow are pairs of qubes, as FROM>TO, of which the first may begin to talk to the
	// second.
	Allow []string `config:"allow"`
	// Ports are those of the logging qube that clients may reach, beside 53.
	Ports []uint16 `config:"ports"`
}

// defaultVerify are the settings of verification if the file sets nothing.
func defaultVerify() Verify {
	return Verify{Rules: true, Probes: Qrexec{Socket: "/run/qubesbeat/probes.sock"}, Window: Duration(15 * time.Minute), Hold: Duration(24 * time.Hour), Period: Duration(15 * time.Minute)}
}

func (c *Config) checkVerify() error {
	p, s := Problems{Section: "verify"}, &c.Verify
	p.atLeast("window", s.Window, time.Second)
	p.atLeast("hold", s.Hold, time.Minute)
	p.atLeast("period", s.Period, time.Minute)
	for i := range s.Expect {
		p.expectation(fmt.Sprintf("expect.%d", i), &s.Expect[i])
	}
	for i, pair := range s.Isolation.Allow {
		if _, _, ok := Pair(pair); !ok {
			p.Addf(fmt.Sprintf("isolation.allow.%d", i), "%q is not a pair of qubes; write it as sys-print>work", pair)
		}
	}
	return p.Err()
}

// expectation adds the problems of one expectation.
func (p *Problems) expectation(key string, x *VerifyExpect) {
	if len(x.Qubes) == 0 {
		p.Addf(key+".qubes", "names no qube")
	}
	p.patterns(key, x.Qubes)
	if !slices.Contains([]string{"clear", "vpn", "tor", "anon"}, x.Exit) {
		p.Addf(key+".exit", "%q is not clear, vpn, tor or anon", x.Exit)
	}
	if !slices.Contains([]string{"", "any", "wireguard", "openvpn", "ipsec"}, x.Protocol) {
		p.Addf(key+".protocol", "%q is not wireguard, openvpn, ipsec or any", x.Protocol)
	}
	p.endpoints(key+".endpoints", x.Endpoints)
	p.endpoints(key+".bridges", x.Bridges)
	for _, name := range x.OwnTraffic {
		if name != "lan" && name != "ntp" {
			p.Addf(key+".own_traffic", "%q is not lan or ntp; names allows queries", name)
		}
	}
	if x.Exit != "vpn" && len(x.Endpoints) > 0 {
		p.Addf(key+".endpoints", "is for exit: vpn; bridges is for tor")
	}
}

func (p *Problems) endpoints(key string, list []string) {
	for _, text := range list {
		place, proto, _ := strings.Cut(text, "/")
		_, err := netip.ParseAddrPort(place)
		if proto == "esp" {
			_, err = netip.ParseAddr(place)
		}
		if err != nil || !slices.Contains([]string{"tcp", "udp", "esp"}, proto) {
			p.Addf(key, "%q is not an endpoint; write it as 203.0.113.9:51820/udp", text)
		}
	}
}
