package verify

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestExpectations_rules takes rules for those of a tunnel if they open hosts, DNS and ICMP only, and their hosts for the
// endpoints that dom0 does not say.
func TestExpectations_rules(t *testing.T) {
	t.Parallel()
	const host, https, dns, icmp, name = "action=accept dst4=192.168.1.10", "action=accept proto=tcp dstports=443", "action=accept specialtarget=dns", "action=accept proto=icmp", "action=accept dsthost=a.example"
	for what, tt := range map[string]struct {
		word   string
		rules  []string
		source string // "" for no expectation
		exit   judge.Exit
		hosts  int
	}{
		"a host":                    {"", []string{host}, "rules", judge.ExitVPN, 1},
		"a host, DNS and ICMP":      {"", []string{host, dns, icmp}, "rules", judge.ExitVPN, 1},
		"a host and a port":         {"", []string{host, https}, "", 0, 0},
		"a host and a name":         {"", []string{host, name}, "", 0, 0},
		"a host for ICMP":           {"", []string{host + " proto=icmp"}, "", 0, 0},
		"a tunnel":                  {"vpn", []string{host, dns}, "rules", judge.ExitVPN, 1},
		"a tunnel with a port open": {"vpn", []string{host, https}, "inventory", judge.ExitVPN, 0},
		"a tunnel without rules":    {"vpn", nil, "inventory", judge.ExitVPN, 0},
		"no tunnel":                 {"clear", []string{host}, "inventory", judge.ExitClear, 0},
		"Tor":                       {"tor", []string{host}, "inventory", judge.ExitTor, 0},
	} {
		all := map[string]string{rulesPrefix + "10.137.0.20/policy": "drop"}
		for i, text := range append(tt.rules, "action=drop") {
			all[fmt.Sprintf("%s10.137.0.20/%04d", rulesPrefix, i)] = text
		}
		q := &qube.Qube{Name: "sys-vpn", IP: netip.MustParseAddr("10.137.0.20"), ProvidesNetwork: true, Exit: tt.word}
		var got judge.Expectation
		if x := (&expectations{}).merged(q, firewallRules(all)[q.IP]); x != nil {
			got = *x
		}
		if got.Source != tt.source || got.Exit != tt.exit || len(got.Endpoints) != tt.hosts || got.Conflict != "" {
			t.Errorf("%s: %+v; want the exit %v of %q with %d endpoints", what, got, tt.exit, tt.source, tt.hosts)
		}
	}
}

// TestExpectations_conflict compares the endpoint of the configuration with the rules, by address, port and protocol.
func TestExpectations_conflict(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"action=accept dst4=203.0.113.9 proto=udp dstports=51820": "",
		"action=accept dst4=203.0.113.9":                          "",
		"action=accept dst4=203.0.113.9 proto=udp":                "",
		"action=accept dst4=203.0.113.9 proto=udp dstports=1194":  "the configuration has the endpoint 203.0.113.9:51820/udp, qvm-firewall has 203.0.113.9:1194/udp",
		"action=accept dst4=203.0.113.9 proto=tcp dstports=51820": "the configuration has the endpoint 203.0.113.9:51820/udp, qvm-firewall has 203.0.113.9:51820/tcp",
		"action=accept dst4=203.0.113.8 proto=udp dstports=51820": "the configuration has the endpoint 203.0.113.9:51820/udp, qvm-firewall has 203.0.113.8:51820/udp",
	} {
		all := map[string]string{rulesPrefix + "10.137.0.20/policy": "drop", rulesPrefix + "10.137.0.20/0000": rule}
		endpoint, _ := judge.ParseEndpoint("203.0.113.9:51820/udp")
		e := &expectations{list: []expectation{{qubes: []string{"sys-vpn"}, Expectation: &judge.Expectation{Exit: judge.ExitVPN, Endpoints: []judge.Endpoint{endpoint}}}}}
		q := &qube.Qube{Name: "sys-vpn", IP: netip.MustParseAddr("10.137.0.20"), ProvidesNetwork: true}
		if x := e.merged(q, firewallRules(all)[q.IP]); x.Conflict != want {
			t.Errorf("with the rule %q the conflict is %q; want %q", rule, x.Conflict, want)
		}
	}
}
