package qubesdb

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MagicDNS are the addresses that every qube has as its resolvers; a netvm
// redirects what is sent there (qubes-core-agent-linux, network).
var MagicDNS = []netip.Addr{netip.AddrFrom4([4]byte{10, 139, 1, 1}), netip.AddrFrom4([4]byte{10, 139, 1, 2})}

// Verdict is what the rules of a client say of DNS.
type Verdict struct {
	UDP, TCP bool   // whether it is accepted
	Why      string // why not, "" where both are
}

// Judge reads the entries of one client, keyed by what follows its address:
// "policy" and "0000", "0001" and so on. It says what they mean for DNS to the
// magic addresses. The first rule that matches counts, and then the policy; what
// cannot be understood refuses, as in qubes-firewall itself, which drops
// everything of a client whose rules it cannot read.
func Judge(entries map[string]string) Verdict {
	policy, ok := entries["policy"]
	if !ok || policy != "accept" && policy != "drop" {
		return Verdict{Why: "no policy of qvm-firewall that is known"}
	}
	var numbers []string
	for key := range entries {
		if key != "policy" && key != "" {
			numbers = append(numbers, key)
		}
	}
	slices.Sort(numbers)
	rules := make([]rule, 0, len(numbers))
	for _, n := range numbers {
		r, ok := parse(entries[n])
		if _, err := strconv.ParseUint(n, 10, 16); err != nil || !ok {
			return Verdict{Why: "a rule of qvm-firewall that is not known: " + n}
		}
		r.number = n
		rules = append(rules, r)
	}
	var v Verdict
	var why string
	v.UDP, why = accepts(rules, policy, "udp")
	v.TCP, v.Why = accepts(rules, policy, "tcp")
	if v.Why == "" {
		v.Why = why
	}
	return v
}

// rule is one rule, as far as it concerns us.
type rule struct {
	number   string
	accept   bool
	proto    string // "" for any
	net      netip.Prefix
	from, to uint16 // ports, 0 and 65535 for all
	other    bool   // it is for other traffic than DNS to the magic addresses, whatever else it says
	dns      bool   // specialtarget=dns
}

// accepts says what the rules make of DNS over a protocol. Which of the two
// addresses the client has used is not to be seen behind the redirection: one
// that is accepted suffices.
func accepts(rules []rule, policy, proto string) (bool, string) {
	why := ""
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

func (r *rule) matches(a netip.Addr, proto string) bool {
	return !r.other && (r.proto == "" || r.proto == proto) && (!r.net.IsValid() || r.net.Contains(a)) && r.from <= 53 && r.to >= 53
}

// parse reads a rule: words of key=value (qubes-doc, developer/debugging/
// vm-interface). It reports false for one that has a word that is not known.
func parse(text string) (r rule, ok bool) {
	r.to = 65535
	action := false
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "action":
			r.accept, action = value == "accept", value == "accept" || value == "drop"
		case "proto":
			if r.proto = value; value != "tcp" && value != "udp" && value != "icmp" {
				return r, false
			}
		case "dst4", "dst6":
			n, err := netip.ParsePrefix(value)
			if err != nil {
				return r, false
			}
			r.net, r.other = n.Masked(), r.other || key == "dst6"
		case "dsthost": // a name, whose addresses are not the magic ones
			a, err := netip.ParseAddr(value)
			if r.other = r.other || err != nil; err == nil {
				r.net = netip.PrefixFrom(a, a.BitLen())
			}
		case "dstports":
			from, to, _ := strings.Cut(value, "-")
			f, err1 := strconv.ParseUint(from, 10, 16)
			t, err2 := strconv.ParseUint(to, 10, 16)
			if err1 != nil || err2 != nil || f > t {
				return r, false
			}
			r.from, r.to = uint16(f), uint16(t)
		case "specialtarget":
			if r.dns = value == "dns"; !r.dns {
				return r, false
			}
		case "icmptype":
			r.other = true
		default:
			return r, false
		}
	}
	return r, action
}
