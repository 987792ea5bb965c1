package verify

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Rules are those of qvm-firewall for one qube, in order. They do not change.
type Rules struct {
	List   []FirewallRule
	Accept bool // the policy
	// Changed is when the rules were read that differ from those before, in nanoseconds
	// since the Unix epoch; 0 if that is not known.
	Changed int64
}

// FirewallRule is one rule of qvm-firewall.
type FirewallRule struct {
	Accept   bool
	Proto    uint8        // IANA number, 0 for any; ICMP stands for ICMPv6, too
	Net      netip.Prefix // invalid for any
	Host     string       // a name whose addresses are not known here, "" if there is none
	From, To uint16       // ports; 0 and 65535 for all
	ICMPType int16        // -1 for any
	DNS      bool         // the rule is about the magic addresses only
	Text     string       // as it stands in QubesDB
}

// ParseRules reads the rules of one qube. The keys of entries are "policy", "0000", "0001"
// and so on (qubes-doc, developer/debugging/vm-interface). It returns an error if anything
// is unknown: qubes-firewall then drops all packets of the qube.
func ParseRules(entries map[string]string) (*Rules, error) {
	r := &Rules{Accept: entries["policy"] == "accept"}
	if !r.Accept && entries["policy"] != "drop" {
		return nil, fmt.Errorf("the policy of qvm-firewall is %.20q; it should be accept or drop", entries["policy"])
	}
	var numbers []string
	for key := range entries {
		if key != "policy" && key != "" {
			numbers = append(numbers, key)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		one, ok := parseRule(entries[n])
		if !ok {
			return nil, fmt.Errorf("rule %.10q of qvm-firewall is not understood: %.60q", n, entries[n])
		}
		r.List = append(r.List, one)
	}
	return r, nil
}

// parseRule reads words of the form key=value.
func parseRule(text string) (r FirewallRule, ok bool) {
	r = FirewallRule{To: 65535, ICMPType: -1, Text: text}
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
func (r *FirewallRule) set(key, value string) bool {
	switch key {
	case "action":
		r.Accept = value == "accept"
		return r.Accept || value == "drop"
	case "proto":
		return r.setProto(value)
	case "dst4", "dst6":
		n, err := netip.ParsePrefix(value)
		r.Net = n.Masked()
		return err == nil
	case "dsthost":
		r.setHost(value)
		return true
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

func (r *FirewallRule) setProto(value string) bool {
	switch value {
	case "tcp":
		r.Proto = packet.ProtoTCP
	case "udp":
		r.Proto = packet.ProtoUDP
	case "icmp":
		r.Proto = packet.ProtoICMP
	}
	return r.Proto != 0
}

func (r *FirewallRule) setHost(value string) {
	a, err := netip.ParseAddr(value)
	if err != nil {
		r.Host = value
		return
	}
	r.Net = netip.PrefixFrom(a, a.BitLen())
}

func (r *FirewallRule) setPorts(value string) bool {
	first, last, isRange := strings.Cut(value, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	r.From, r.To = uint16(from), uint16(to)
	return err1 == nil && err2 == nil && from <= to
}

// ruling is what rules say about a packet.
type ruling uint8

const (
	ruleUnclear ruling = iota // it depends on the addresses of a name
	ruleAccepts
	ruleDrops
)

// Accepts reports whether the rules accept a packet to an address. clear is false if that
// depends on a name.
func (r *Rules) Accepts(proto uint8, dst netip.Addr, port uint16, icmpType uint8) (accepted, clear bool) {
	switch r.judge(proto, dst, port, icmpType) {
	case ruleAccepts:
		return true, true
	case ruleDrops:
		return false, true
	}
	return false, false
}

func (r *Rules) judge(proto uint8, dst netip.Addr, port uint16, icmpType uint8) ruling {
	for i := range r.List {
		one := &r.List[i]
		if !one.matches(proto, dst, port, icmpType) {
			continue
		}
		if one.Host != "" {
			return ruleUnclear
		}
		return ruleOf(one.Accept)
	}
	return ruleOf(r.Accept)
}

func ruleOf(accept bool) ruling {
	if accept {
		return ruleAccepts
	}
	return ruleDrops
}

// matches reports whether the rule may match. A name may stand for any address.
func (r *FirewallRule) matches(proto uint8, dst netip.Addr, port uint16, icmpType uint8) bool {
	if proto == packet.ProtoICMPv6 {
		proto = packet.ProtoICMP
	}
	switch {
	case r.Proto != 0 && r.Proto != proto,
		r.Net.IsValid() && !r.Net.Contains(dst),
		r.DNS && (!magic(dst) || port != 53),
		r.ICMPType >= 0 && (proto != packet.ProtoICMP || uint8(r.ICMPType) != icmpType):
		return false
	}
	hasPorts := r.From > 0 || r.To < 65535
	return !hasPorts || (proto == packet.ProtoTCP || proto == packet.ProtoUDP) && r.From <= port && port <= r.To
}

// magic reports whether an address is one of those that every qube uses as its resolvers
// (qubes-core-agent-linux, network).
func magic(a netip.Addr) bool {
	return a == netip.AddrFrom4([4]byte{10, 139, 1, 1}) || a == netip.AddrFrom4([4]byte{10, 139, 1, 2})
}

// Hosts returns the hosts that rules accept if they drop all else, as the rules of a tunnel
// do. open lists the accepting rules that are about more than one host. ok is false if the
// policy, or a rule for everything, accepts.
func (r *Rules) Hosts() (hosts []Endpoint, open []string, ok bool) {
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
		case one.Net.IsValid() && one.Net.IsSingleIP():
			hosts = append(hosts, one.endpoint())
		default:
			open = append(open, one.Text)
		}
	}
	return hosts, open, len(hosts) > 0
}

// all reports whether the rule matches every packet.
func (r *FirewallRule) all() bool {
	return !r.Net.IsValid() && r.Proto == 0 && r.Host == "" && !r.DNS && r.ICMPType < 0 && r.From == 0 && r.To == 65535
}

// endpoint returns the destination of a rule about one host.
func (r *FirewallRule) endpoint() Endpoint {
	e := Endpoint{Addr: r.Net.Addr(), Proto: r.Proto}
	if r.From == r.To {
		e.Port = r.From
	}
	return e
}
