package qvmfirewall

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Rules are those of qvm-firewall for one qube, in order. They do not change.
type Rules struct {
	List   []Rule
	Accept bool // the policy
}

// Rule is one rule of qvm-firewall.
type Rule struct {
	Number   string // its key in QubesDB, such as 0004
	Accept   bool
	Proto    uint8        // IANA number, 0 for any; ICMP stands for ICMPv6, too
	Net      netip.Prefix // invalid for any
	Host     string       // a name whose addresses are not known here, "" if there is none
	From, To uint16       // ports; 0 and 65535 for all
	ICMPType int16        // -1 for any
	DNS      bool         // the rule is about the magic addresses only
	Text     string       // as it stands in QubesDB
}

// A ParseError says what is not understood of the rules of a qube. qubes-firewall then drops all of its packets.
type ParseError struct {
	Key, Text string // of the entry, as they stand in QubesDB
}

// Error implements error.
func (e *ParseError) Error() string {
	if e.Key == policyKey {
		return fmt.Sprintf("the policy of qvm-firewall is %.20q; it should be accept or drop", e.Text)
	}
	return fmt.Sprintf("rule %.10q of qvm-firewall is not understood: %.60q", e.Key, e.Text)
}

// policyKey is the key of what is done with packets that no rule matches.
const policyKey = "policy"

// Parse reads the rules of one qube. The keys of entries are what follows the qube's address in QubesDB: "policy", and four
// digits for each rule, in whose order they stand (qubes-core-agent-linux, qubesagent/firewall.py, read_rules); "" is ignored.
// If anything is unknown, it returns a [*ParseError].
func Parse(entries map[string]string) (*Rules, error) {
	r := &Rules{Accept: entries[policyKey] == "accept"}
	if !r.Accept && entries[policyKey] != "drop" {
		return nil, &ParseError{policyKey, entries[policyKey]}
	}
	for _, n := range slices.Sorted(maps.Keys(entries)) {
		if n == policyKey || n == "" {
			continue
		}
		one, ok := parseRule(entries[n])
		if !ok || !isNumber(n) {
			return nil, &ParseError{n, entries[n]}
		}
		one.Number = n
		r.List = append(r.List, one)
	}
	return r, nil
}

// isNumber reports whether a key is that of a rule.
func isNumber(key string) bool {
	return len(key) == 4 && strings.Trim(key, "0123456789") == ""
}

// parseRule reads words of the form key=value.
func parseRule(text string) (r Rule, ok bool) {
	r = Rule{To: 65535, ICMPType: -1, Text: text}
	acts := false
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		acts = acts || key == "action"
		if !r.set(key, value) {
			return r, false
		}
	}
	return r, acts
}

// set adds one word. It reports whether it is known.
func (r *Rule) set(key, value string) bool {
	switch key {
	case "action":
		r.Accept = value == "accept"
		return r.Accept || value == "drop"
	case "proto":
		return r.setProto(value)
	case "dst4", "dst6":
		return r.setNet(value) && r.Net.Addr().Is4() == (key == "dst4")
	case "dsthost":
		r.setHost(value)
		return value != ""
	case "dstports":
		return r.setPorts(value)
	case "specialtarget":
		r.DNS = value == "dns"
		return r.DNS
	case "icmptype":
		n, err := strconv.ParseUint(value, 10, 8)
		r.ICMPType = int16(n)
		return err == nil
	}
	return false
}

func (r *Rule) setProto(value string) bool {
	switch value {
	case "tcp":
		r.Proto = packet.ProtoTCP
	case "udp":
		r.Proto = packet.ProtoUDP
	case "icmp":
		r.Proto = packet.ProtoICMP
	default:
		return false
	}
	return true
}

// setNet sets the destination to a network, or to an address.
func (r *Rule) setNet(value string) bool {
	n, err := netip.ParsePrefix(value)
	if a, fault := netip.ParseAddr(value); fault == nil && a.Zone() == "" {
		n, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	r.Net = n.Masked()
	return err == nil
}

func (r *Rule) setHost(value string) {
	a, err := netip.ParseAddr(value)
	if err != nil {
		r.Host = value
		return
	}
	r.Net = netip.PrefixFrom(a, a.BitLen())
}

func (r *Rule) setPorts(value string) bool {
	first, last, isRange := strings.Cut(value, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	r.From, r.To = uint16(from), uint16(to)
	return err1 == nil && err2 == nil && from <= to
}

// Ruling is what rules say about a packet.
type Ruling uint8

// The rulings.
const (
	Unclear Ruling = iota // it depends on the addresses of a name
	Accepts
	Drops
)

// Judge returns what the rules say about a packet. icmpType is that of ICMP or ICMPv6 messages.
func (r *Rules) Judge(proto uint8, dst netip.Addr, port uint16, icmpType uint8) Ruling {
	for i := range r.List {
		one := &r.List[i]
		if !one.matches(proto, dst, port, icmpType) {
			continue
		}
		if one.Host != "" {
			return Unclear
		}
		return rulingOf(one.Accept)
	}
	return rulingOf(r.Accept)
}

// JudgeDNS returns whether the rules accept a packet of DNS to one of the magic addresses, which no name of a rule has, and
// the number of the rule that decides, "" for the policy.
func (r *Rules) JudgeDNS(proto uint8, dst netip.Addr) (accepted bool, by string) {
	for i := range r.List {
		if one := &r.List[i]; one.Host == "" && one.matches(proto, dst, portDNS, 0) {
			return one.Accept, one.Number
		}
	}
	return r.Accept, ""
}

func rulingOf(accept bool) Ruling {
	if accept {
		return Accepts
	}
	return Drops
}

// matches reports whether the rule may match. A name may stand for any address.
func (r *Rule) matches(proto uint8, dst netip.Addr, port uint16, icmpType uint8) bool {
	if proto == packet.ProtoICMPv6 {
		proto = packet.ProtoICMP
	}
	switch {
	case r.Proto != 0 && r.Proto != proto,
		r.Net.IsValid() && !r.Net.Contains(dst),
		r.DNS && !r.isDNS(dst, port),
		r.ICMPType >= 0 && (proto != packet.ProtoICMP || uint8(r.ICMPType) != icmpType):
		return false
	}
	return !r.hasPorts() || (proto == packet.ProtoTCP || proto == packet.ProtoUDP) && r.From <= port && port <= r.To
}

// isDNS reports whether a packet goes where a rule with specialtarget=dns applies. With other ports than that of DNS it
// applies nowhere: qubes-firewall leaves it out.
func (r *Rule) isDNS(dst netip.Addr, port uint16) bool {
	others := r.hasPorts() && (r.From != portDNS || r.To != portDNS)
	return IsMagic(dst) && port == portDNS && !others
}

// hasPorts reports whether the rule names ports, and so matches TCP and UDP only.
func (r *Rule) hasPorts() bool { return r.From > 0 || r.To < 65535 }

const portDNS = 53

// MagicDNS returns the addresses that every qube uses as its resolvers; the netvm redirects the queries (qubes-core-agent-linux,
// network).
func MagicDNS() [2]netip.Addr {
	return [2]netip.Addr{netip.AddrFrom4([4]byte{10, 139, 1, 1}), netip.AddrFrom4([4]byte{10, 139, 1, 2})}
}

// IsMagic reports whether an address is one of [MagicDNS].
func IsMagic(a netip.Addr) bool {
	magic := MagicDNS()
	return a == magic[0] || a == magic[1]
}

// Hosts returns the rules that accept one host each if all else is dropped, as the rules of a tunnel do. open are the other
// accepting rules: see [Rule.Aside]. ok is false if the policy, or a rule for everything, accepts, and if there is no host.
func (r *Rules) Hosts() (hosts, open []*Rule, ok bool) {
	if r.Accept {
		return nil, nil, false
	}
	for i := range r.List {
		one := &r.List[i]
		switch {
		case one.all() && one.Accept:
			return nil, nil, false
		case one.all():
			return hosts, open, len(hosts) > 0 // nothing is accepted from here on
		case !one.Accept:
		case !one.Aside() && one.Net.IsValid() && one.Net.IsSingleIP():
			hosts = append(hosts, one)
		default:
			open = append(open, one)
		}
	}
	return hosts, open, len(hosts) > 0
}

// Aside reports whether the rule is about DNS at the magic addresses, or about ICMP, only. Rules that are to let a qube reach
// its tunnel only may have such ones, too: qvm-firewall adds them by itself.
func (r *Rule) Aside() bool { return r.DNS || r.Proto == packet.ProtoICMP || r.ICMPType >= 0 }

// all reports whether the rule matches every packet.
func (r *Rule) all() bool {
	return !r.Net.IsValid() && r.Proto == 0 && r.Host == "" && !r.DNS && r.ICMPType < 0 && !r.hasPorts()
}
