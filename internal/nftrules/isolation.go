package nftrules

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Isolation is what the ruleset does to traffic between clients.
type Isolation struct {
	// Qubes reports whether these are the rules of a netvm of Qubes OS R4.2 or later. The
	// rest means nothing otherwise.
	Qubes bool
	// Drops4 and Drops6 report whether the chain forward of Qubes drops what goes to a
	// client, for IPv4 and IPv6.
	Drops4, Drops6 bool
	// Accepts are rules before that which accept traffic that may be between clients.
	Accepts []string
	// Firewall reports whether the tables of qvm-firewall are there.
	Firewall bool
	// Chains are the clients whose packets go through a chain of qvm-firewall of their own.
	Chains []netip.Addr
	// MapsDNS reports whether a rule redirects queries to the magic addresses.
	MapsDNS bool
	// Digest changes with the chains and the rules of Qubes, and not with their counters, nor
	// with the clients that are attached.
	Digest uint64
}

// Isolation returns what the ruleset does to traffic between clients.
func (s *State) Isolation() Isolation {
	i := Isolation{Qubes: s.isQubes(), Firewall: s.chains["ip qubes-firewall forward"], MapsDNS: len(s.rulesOf("dnat-dns")) > 0 || s.exists(DNSChain), Digest: s.digest()}
	i.Drops4 = s.dropsBetween("ip", &i.Accepts)
	i.Drops6 = s.dropsBetween("ip6", &i.Accepts)
	for chain := range s.chains {
		if a, ok := chainClient(chain); ok && s.used[chain] {
			i.Chains = append(i.Chains, a)
		}
	}
	slices.SortFunc(i.Chains, netip.Addr.Compare)
	return i
}

// dropsBetween reports whether the chain forward of a family drops what goes to a client,
// and collects the rules that accept it before.
func (s *State) dropsBetween(family string, accepts *[]string) bool {
	for _, chain := range [...]string{"custom-forward", "forward"} { // the second jumps to the first
		for i := range s.rules {
			r := &s.rules[i]
			if r.Family != family || r.Table != "qubes" || r.Chain != chain {
				continue
			}
			if chain == "forward" && r.matches("oifgroup", "2") && r.has("drop", "reject") {
				return true
			}
			if r.has("accept") && !r.matches("oifgroup", "1") && !r.isEstablished() {
				*accepts = append(*accepts, fmt.Sprintf("%s qubes %s: %s", family, chain, r.text()))
			}
		}
	}
	return false
}

// has reports whether the rule ends in one of the verdicts.
func (r *rule) has(verdicts ...string) bool {
	for _, e := range r.Expr {
		var object map[string]json.RawMessage
		if json.Unmarshal(e, &object) != nil {
			continue
		}
		for _, v := range verdicts {
			if _, ok := object[v]; ok {
				return true
			}
		}
	}
	return false
}

// match is a match of a rule.
type match struct {
	Op          string
	Left, Right json.RawMessage
}

// matchesOf returns the matches of the rule.
func (r *rule) matchesOf() (list []match) {
	for _, e := range r.Expr {
		var m match
		if raw := statement(e, "match"); raw != nil && json.Unmarshal(raw, &m) == nil {
			list = append(list, m)
		}
	}
	return list
}

// matches reports whether the rule is about packets whose meta key has a value only.
func (r *rule) matches(key, value string) bool {
	for _, m := range r.matchesOf() {
		var left struct{ Meta struct{ Key string } }
		if m.Op == "==" && json.Unmarshal(m.Left, &left) == nil && left.Meta.Key == key && strings.Trim(string(m.Right), `"`) == value {
			return true
		}
	}
	return false
}

// isEstablished reports whether the rule is about connections that exist already.
func (r *rule) isEstablished() bool {
	for _, m := range r.matchesOf() {
		if strings.Contains(string(m.Left), `"ct"`) && strings.Contains(string(m.Right), "established") && !strings.Contains(string(m.Right), "new") {
			return true
		}
	}
	return false
}

// text returns the rule in a form like nft's.
func (r *rule) text() string {
	var words []string
	for _, m := range r.matchesOf() {
		words = append(words, leftText(m.Left), strings.TrimPrefix(m.Op, "=="), strings.Trim(string(m.Right), `"`))
	}
	words = append(words, "accept")
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// leftText returns the left side of a match: meta key, or protocol and field.
func leftText(raw json.RawMessage) string {
	var left struct {
		Meta    struct{ Key string }
		Ct      struct{ Key string }
		Payload struct{ Protocol, Field string }
	}
	if json.Unmarshal(raw, &left) != nil {
		return string(raw)
	}
	switch {
	case left.Meta.Key != "":
		return left.Meta.Key
	case left.Ct.Key != "":
		return "ct " + left.Ct.Key
	case left.Payload.Protocol != "":
		return left.Payload.Protocol + " " + left.Payload.Field
	}
	return string(raw)
}

// chainClient returns the client of a chain of qvm-firewall: qbs-10-137-0-6
// (qubes-core-agent-linux, qubesagent/firewall.py).
func chainClient(key string) (a netip.Addr, ok bool) {
	_, name, ok := strings.Cut(key, " qubes-firewall qbs-")
	if !ok {
		return a, false
	}
	for _, separator := range []string{".", ":"} {
		if a, err := netip.ParseAddr(strings.ReplaceAll(name, "-", separator)); err == nil {
			return a, true
		}
	}
	return a, false
}

// digest returns a hash of the chains, and of the rules without their counters.
func (s *State) digest() uint64 {
	h := fnv.New64a()
	for _, key := range slices.Sorted(maps.Keys(s.chains)) {
		if _, ok := chainClient(key); !ok {
			fmt.Fprintln(h, key)
		}
	}
	for _, r := range s.rules {
		fmt.Fprintln(h, r.Family, r.Table, r.Chain)
		for _, e := range r.Expr {
			if statement(e, "counter") == nil {
				h.Write(e)
			}
		}
	}
	return h.Sum64()
}
