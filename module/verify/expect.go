package verify

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// expectations are those of the configuration.
type expectations struct {
	list  []expectation
	allow [][2]string
}

// expectation is an entry of the configuration.
type expectation struct {
	qubes []string
	*judge.Expectation
}

// newExpectations translates the settings, which were validated.
func newExpectations(c *config.Verify) (*expectations, error) {
	e := &expectations{}
	for i := range c.Expect {
		x, err := toExpectation(&c.Expect[i])
		if err != nil {
			return nil, fmt.Errorf("reading verify.expect.%d: %w", i, err)
		}
		e.list = append(e.list, expectation{c.Expect[i].Qubes, x})
	}
	for _, pair := range c.Isolation.Allow {
		if from, to, ok := config.Pair(pair); ok {
			e.allow = append(e.allow, [2]string{from, to})
		}
	}
	return e, nil
}

func toExpectation(c *config.VerifyExpect) (*judge.Expectation, error) {
	x := &judge.Expectation{Source: "config"}
	var exit, protocol bool
	x.Exit, exit = judge.ExitByName(c.Exit)
	x.Protocol, protocol = judge.ProtocolByName(c.Protocol)
	if !exit || !protocol {
		return nil, fmt.Errorf("exit %q or protocol %q is not known", c.Exit, c.Protocol)
	}
	for _, text := range slices.Concat(c.Endpoints, c.Bridges) {
		e, ok := judge.ParseEndpoint(text)
		if !ok {
			return nil, fmt.Errorf("%q is not an endpoint; write it as 203.0.113.9:51820/udp", text)
		}
		x.Endpoints = append(x.Endpoints, e)
	}
	for _, name := range c.Names {
		x.Names = append(x.Names, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	for _, name := range c.OwnTraffic {
		own, _ := judge.OwnByName(name)
		x.Own |= own
	}
	if c.Relays == "" {
		return x, nil
	}
	file, err := os.Open(c.Relays)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	x.Relays, err = judge.ReadRelays(file)
	return x, err
}

// of returns what the configuration expects of a qube, nil for nothing.
func (e *expectations) of(name string) *judge.Expectation {
	for i := range e.list {
		for _, pattern := range e.list[i].qubes {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				return e.list[i].Expectation
			}
		}
	}
	return nil
}

// lookup returns a function that finds what is expected of a qube, from the configuration,
// the rules of qvm-firewall, and the inventory. It must be called from one goroutine.
func (e *expectations) lookup(rules *ruleset) func(*qube.Qube) *judge.Expectation {
	known := map[*qube.Qube]*judge.Expectation{}
	return func(q *qube.Qube) *judge.Expectation {
		x, ok := known[q]
		if !ok {
			if len(known) >= inventory.DefaultMaxQubes {
				clear(known)
			}
			x = e.merged(q, rules.firewall[q.IP])
			known[q] = x
		}
		return x
	}
}

// merged returns what the sources say together.
func (e *expectations) merged(q *qube.Qube, rules *judge.Rules) *judge.Expectation {
	x, word := e.of(q.Name), exitWord(q)
	hosts, isTunnel := tunnelHosts(q, rules)
	switch {
	case x == nil && isTunnel && (word == judge.ExitNone || word == judge.ExitVPN):
		return &judge.Expectation{Exit: judge.ExitVPN, Endpoints: hosts, Source: "rules"}
	case x == nil && word != judge.ExitNone:
		return &judge.Expectation{Exit: word, Source: "inventory"}
	case x == nil:
		return nil
	case word != judge.ExitNone && word != x.Exit:
		return conflict(x, fmt.Sprintf("the configuration says %v, dom0 says %v", x.Exit, word))
	case x.Exit != judge.ExitVPN || !isTunnel:
		return x
	case len(x.Endpoints) == 0:
		return withRules(x, hosts)
	}
	for _, h := range hosts {
		if !slices.ContainsFunc(x.Endpoints, func(c judge.Endpoint) bool { return opens(h, c) }) {
			return conflict(x, fmt.Sprintf("the configuration has the endpoint %v, qvm-firewall has %v", x.Endpoints[0], h))
		}
	}
	return withRules(x, x.Endpoints)
}

// opens reports whether a host in the rules of qvm-firewall may be an endpoint. One that the rules open more
// of is judged by VPN-8; and what they open for ESP has no port.
func opens(host, endpoint judge.Endpoint) bool {
	byPort := endpoint.Proto == packet.ProtoTCP || endpoint.Proto == packet.ProtoUDP
	return host.Addr == endpoint.Addr && (!byPort || (host.Proto == 0 || host.Proto == endpoint.Proto) && (host.Port == 0 || host.Port == endpoint.Port))
}

// conflict returns an expectation whose sources disagree.
func conflict(x *judge.Expectation, text string) *judge.Expectation {
	y := *x
	y.Conflict = text
	return &y
}

// withRules returns an expectation that the rules of qvm-firewall agree with.
func withRules(x *judge.Expectation, endpoints []judge.Endpoint) *judge.Expectation {
	y := *x
	y.Source, y.Endpoints = "rules", endpoints
	return &y
}

// tunnelHosts returns the hosts that qvm-firewall allows to a qube that provides network,
// if it allows nothing else but DNS and ICMP.
func tunnelHosts(q *qube.Qube, rules *judge.Rules) (hosts []judge.Endpoint, ok bool) {
	if rules == nil || !q.ProvidesNetwork {
		return nil, false
	}
	return rules.Tunnel()
}

// exitWord returns the exit that dom0 has given a qube.
func exitWord(q *qube.Qube) judge.Exit {
	e, _ := judge.ExitByName(q.Exit)
	return e
}

// missing returns the qubes that the configuration names and that are not attached here.
func (e *expectations) missing(index *inventory.Index, hasVif func(int32) bool, above []string, live bool) (list []judge.Absent) {
	for i := range e.list {
		x := &e.list[i]
		for _, name := range x.qubes {
			if strings.ContainsAny(name, "*?[") || x.Exit == judge.ExitClear {
				continue
			}
			q := index.ByName(name)
			if q == nil && live || q != nil && q.XID >= 0 && !hasVif(q.XID) {
				list = append(list, judge.Absent{Name: name, Expect: x.Expectation, Above: slices.Contains(above, name)})
			}
		}
	}
	return list
}

// namesAbove returns the netvms of this machine, as far as the inventory has them.
func namesAbove(index *inventory.Index, self string) (list []string) {
	for q := index.ByName(self); q != nil && q.NetVM != "" && !slices.Contains(list, q.NetVM); q = index.ByName(q.NetVM) {
		list = append(list, q.NetVM)
	}
	return list
}

// upstreams returns the addresses of servers, nil if one of them has a name instead: then
// what this machine asks cannot be judged.
func upstreams(list []string) (addrs []netip.AddrPort) {
	for _, text := range list {
		a, err := upstream.Parse(text)
		if err != nil || !a.IP.IsValid() {
			return nil
		}
		addrs = append(addrs, netip.AddrPortFrom(a.IP, a.Port))
	}
	return addrs
}

// byAddr are the rules of qvm-firewall by the address of the qube.
type byAddr map[netip.Addr]*judge.Rules

// changedAt sets the time of a change on the rules that differ from those before, and keeps
// those that do not.
func (b byAddr) changedAt(before byAddr, now time.Time) byAddr {
	for addr, r := range b {
		if old := before[addr]; old != nil && slices.Equal(old.List, r.List) && old.Accept == r.Accept {
			b[addr] = old
		} else if before != nil {
			r.Changed = now.UnixNano()
		}
	}
	return b
}
