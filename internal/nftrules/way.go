package nftrules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/nftpath"
)

// The servers that every qube asks (qubes-core-admin, qubes/vm/mix/net.py).
var magicServers = [...]netip.Addr{netip.AddrFrom4([4]byte{10, 139, 1, 1}), netip.AddrFrom4([4]byte{10, 139, 1, 2})}

// obstacle is a cause, with those whose DNS it hits.
type obstacle struct {
	nftpath.Cause
	vifs, transports []string
}

// maxProbed bounds the clients whose queries are followed: each asks the kernel a few
// questions.
const maxProbed = 256

// Obstacles returns a finding for each rule that keeps the clients' DNS from the
// resolver, or may do so, and the number of clients, 0 if none is connected. local is
// [Facts.Local].
func Obstacles(s *State, cfg Config, local func(vif string) netip.Addr) (found []Finding, clients int) {
	var l findings
	list, clients := s.obstacles(cfg, local)
	for _, o := range list {
		l = append(l, Finding{Unknown: !o.Certain, Text: s.describe(&o)})
	}
	if left := clients - maxProbed; left > 0 {
		l = append(l, Finding{Unknown: true, Text: fmt.Sprintf("the DNS of %d clients was not looked at, only that of %d others", left, maxProbed)})
	}
	return l, clients
}

// isFree reports whether all findings are good.
func (l findings) isFree() bool {
	return !slices.ContainsFunc(l, func(f Finding) bool { return !f.Good })
}

// way says whether the clients' DNS arrives.
func (s *State) way(cfg Config, local func(vif string) netip.Addr) (l findings) {
	if cfg.ResolverPort == 0 || !s.exists(DNSChain) || !s.exists(InputChain) {
		return nil // the lines about them say so
	}
	found, clients := Obstacles(s, cfg, local)
	l = append(l, found...)
	switch {
	case len(found) > 0:
	case clients == 0:
		l.good("no client is connected; the DNS of one would reach the resolver, over UDP and TCP")
	default:
		l.good("the DNS of %d clients reaches the resolver, over UDP and TCP, and the answers reach them", clients)
	}
	return l
}

// addHidden names what the ruleset of nft does not show.
func (l *findings) addHidden(f Facts) {
	for _, text := range f.Hidden {
		*l = append(*l, Finding{Unknown: true, Text: text})
	}
}

// obstacles follows the queries of all clients.
func (s *State) obstacles(cfg Config, local func(vif string) netip.Addr) (list []obstacle, clients int) {
	some := slices.DeleteFunc(s.Clients(), func(c Client) bool { return !c.Addr.Is4() })
	if clients = len(some); clients == 0 {
		some = []Client{s.imaginary()}
	}
	for _, c := range some[:min(len(some), maxProbed)] {
		for _, server := range magicServers {
			for _, tcp := range []bool{false, true} {
				p := nftpath.Probe{Vif: c.Vif, Client: c.Addr, Server: server, TCP: tcp, Port: cfg.ResolverPort}
				if local != nil {
					p.Local = local(c.Vif)
				}
				for _, cause := range s.path.Follow(p) {
					list = addCause(list, cause, c.Vif, tcp)
				}
			}
		}
	}
	return list, clients
}

// imaginary returns a client that the antispoofing of Qubes accepts.
func (s *State) imaginary() Client {
	c := Client{"vif1.0", netip.AddrFrom4([4]byte{10, 137, 0, 1})}
	ask := s.path.Contains
	s.path.Contains = func(set nftpath.Set, element string) (found, ok bool) {
		if set.Table == "qubes" && (set.Name == "allowed" || set.Name == "downstream") {
			return true, true
		}
		if ask == nil {
			return false, false
		}
		return ask(set, element)
	}
	return c
}

// addCause adds a cause, or those that it hits.
func addCause(list []obstacle, cause nftpath.Cause, vif string, tcp bool) []obstacle {
	i := slices.IndexFunc(list, func(o obstacle) bool { return o.Cause == cause })
	if i < 0 {
		list, i = append(list, obstacle{Cause: cause}), len(list)
	}
	transport := "UDP"
	if tcp {
		transport = "TCP"
	}
	o := &list[i]
	if !slices.Contains(o.vifs, vif) {
		o.vifs = append(o.vifs, vif)
	}
	if !slices.Contains(o.transports, transport) {
		o.transports = append(o.transports, transport)
	}
	return list
}

// maxVifs is how many interfaces are listed by name.
const maxVifs = 4

// describe returns the line about an obstacle.
func (s *State) describe(o *obstacle) string {
	vifs := strings.Join(o.vifs[:min(len(o.vifs), maxVifs)], ", ")
	if n := len(o.vifs) - maxVifs; n > 0 {
		vifs += fmt.Sprintf(" and %d more", n)
	}
	does, may := "does not reach the resolver", "may not reach the resolver"
	if slices.Contains([]string{"output", "postrouting", "egress"}, o.Hook) {
		does, may = "is answered, but the answers do not arrive", "is answered, but the answers may not arrive"
	}
	if !o.Certain {
		does = may
	}
	return fmt.Sprintf("DNS of %s over %s %s: %s", vifs, strings.Join(o.transports, " and "), does, s.reason(o))
}

// reason returns the place of an obstacle and what happens there.
func (s *State) reason(o *obstacle) string {
	if o.Table == "" {
		return o.What
	}
	where := fmt.Sprintf("chain %s of table %s %s", o.Chain, o.Family, o.Table)
	if o.Base != o.Chain {
		where += ", to which " + o.Base + " leads"
	}
	where += fmt.Sprintf(" (%s %s, priority %d) %s", o.Type, o.Hook, o.Priority, o.What)
	if s.ruleText != nil && o.Handle != 0 {
		if text := s.ruleText(o.Place); text != "" {
			return where + ": " + text
		}
	}
	if o.Handle != 0 {
		where += fmt.Sprintf(": its rule with handle %d", o.Handle)
	}
	return where
}
