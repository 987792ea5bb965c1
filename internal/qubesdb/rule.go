package qubesdb

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MagicDNS are the addresses that every qube uses as its resolvers; the netvm redirects
// the queries (qubes-core-agent-linux, network).
var MagicDNS = []netip.Addr{netip.AddrFrom4([4]byte{10, 139, 1, 1}), netip.AddrFrom4([4]byte{10, 139, 1, 2})}

// DNSAccess reports whether the rules of a client accept DNS.
type DNSAccess struct {
	UDP, TCP bool
	Why      string // why not, "" if both are accepted
}

// EvaluateDNS evaluates the rules of one client for DNS to the magic addresses. The keys of
// entries are what follows the client's address: "policy", and "0000", "0001" and so on for
// the rules. The first rule that matches decides, otherwise the policy. If anything is
// unknown, DNS is refused, as by qubes-firewall itself, which drops all packets of a client
// whose rules it cannot parse.
func EvaluateDNS(entries map[string]string) DNSAccess {
	policy := entries["policy"]
	if policy != "accept" && policy != "drop" {
		return DNSAccess{Why: "qvm-firewall has no policy, or an unknown one"}
	}
	rules, unknown := parseRules(entries)
	if unknown != "" {
		return DNSAccess{Why: "unknown rule of qvm-firewall: " + unknown}
	}
	var a DNSAccess
	var why string
	a.UDP, why = accepts(rules, policy, "udp")
	a.TCP, a.Why = accepts(rules, policy, "tcp")
	if a.Why == "" {
		a.Why = why
	}
	return a
}

// parseRules returns the rules in order, and the number of the first unknown one.
func parseRules(entries map[string]string) (rules []rule, unknown string) {
	var numbers []string
	for key := range entries {
		if key != "policy" && key != "" {
			numbers = append(numbers, key)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		r, ok := parse(entries[n])
		if _, err := strconv.ParseUint(n, 10, 16); err != nil || !ok {
			return nil, n
		}
		r.number = n
		rules = append(rules, r)
	}
	return rules, ""
}

// rule is the part of a rule that matters for DNS.
type rule struct {
	number   string
	accept   bool
	proto    string // "" for any
	net      netip.Prefix
	from, to uint16 // ports, 0 and 65535 for all
	other    bool   // the rule cannot match DNS to the magic addresses
}

// accepts reports whether the rules accept DNS over a protocol, and if not, why. The
// redirection hides which of the two addresses the client has used: it suffices that one
// is accepted.
func accepts(rules []rule, policy, proto string) (ok bool, why string) {
	for _, a := range MagicDNS {
		by := "policy"
		accept := policy == "accept"
		for i := range rules {
			if rules[i].matches(a, proto) {
				accept, by = rules[i].accept, "rule "+rules[i].number
				break
			}
		}
		if accept {
			return true, ""
		}
		why = "qvm-firewall: " + by + " drops DNS over " + proto
	}
	return false, why
}

// matches reports whether the rule matches DNS to an address.
func (r *rule) matches(a netip.Addr, proto string) bool {
	return !r.other &&
		(r.proto == "" || r.proto == proto) &&
		(!r.net.IsValid() || r.net.Contains(a)) &&
		r.from <= 53 && r.to >= 53
}

// parse parses a rule, which consists of words of the form key=value (qubes-doc,
// developer/debugging/vm-interface). It reports false if a word is unknown or there is no
// action.
func parse(text string) (r rule, ok bool) {
	r.to = 65535
	hasAction := false
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		hasAction = hasAction || key == "action"
		if !r.set(key, value) {
			return r, false
		}
	}
	return r, hasAction
}

// set adds one word. It reports whether it is known.
func (r *rule) set(key, value string) bool {
	switch key {
	case "action":
		r.accept = value == "accept"
		return r.accept || value == "drop"
	case "proto":
		r.proto = value
		return value == "tcp" || value == "udp" || value == "icmp"
	case "dst4", "dst6":
		n, err := netip.ParsePrefix(value)
		r.net, r.other = n.Masked(), r.other || key == "dst6"
		return err == nil
	case "dsthost":
		r.setHost(value)
		return true
	case "dstports":
		return r.setPorts(value)
	case "specialtarget":
		return value == "dns"
	case "icmptype":
		r.other = true
		return true
	}
	return false
}

// setHost sets the destination to an address, or to a name, whose addresses are not the
// magic ones.
func (r *rule) setHost(value string) {
	a, err := netip.ParseAddr(value)
	if err != nil {
		r.other = true
		return
	}
	r.net = netip.PrefixFrom(a, a.BitLen())
}

// setPorts sets the range of ports. It reports whether the range is valid.
func (r *rule) setPorts(value string) bool {
	first, last, _ := strings.Cut(value, "-")
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	r.from, r.to = uint16(from), uint16(to)
	return err1 == nil && err2 == nil && from <= to
}
