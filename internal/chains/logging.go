package chains

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// What is logged of one interface at most: new attempts, and, with room for those
// that were not logged, passes. More attempts are counted, and more passes told.
const (
	newPace  = "limit rate over 500/second burst 1000 packets"
	passPace = "limit rate over 2000/second burst 4000 packets"
	overPace = "limit rate 2/second burst 2 packets"
)

// What is logged: a new connection, which is confirmed when it has passed once, and
// not logged again; and a source that the route does not lead back to, which is no more
// than a suspicion, for an HVM may have two vifs with one address.
const (
	fresh   = "iifgroup 2 ct state new ct status & confirmed == 0"
	foreign = "iifgroup 2 fib saddr . iif oif missing"
)

// logRules collects the rules that log to one group.
type logRules struct {
	group uint16
	rules []string
}

// logging logs each new connection of the clients before all filters and behind
// them, foreign addresses before and behind Qubes' antispoofing, and the errors that
// the clients get.
func logging(cfg Config) part {
	l := logRules{group: cfg.NFLogGroup}
	l.add("over", "update @over_pace { iifname "+overPace+" }", firewall.PrefixOver)
	for _, chain := range [...]string{"spoofed", "spoofed_after"} {
		l.leave(chain, "iifgroup 2 ip6 saddr { ::, fe80::/10 }")
		l.leave(chain, "iifgroup 2 ip saddr 0.0.0.0")
	}
	l.attempt("spoofed", foreign, firewall.PrefixSpoof)
	l.pass("spoofed_after", foreign)
	l.attempt("forward_before", fresh, firewall.PrefixNew)
	l.pass("forward_after", fresh)
	toResolver := fmt.Sprintf("iifgroup 2 meta l4proto { tcp, udp } th dport %d", cfg.ResolverPort)
	if cfg.ResolverPort != 0 {
		l.leave("input_before", toResolver)
	}
	l.attempt("input_before", fresh, firewall.PrefixInput)
	if cfg.ResolverPort != 0 {
		l.leave("input_after", toResolver)
	}
	l.pass("input_after", fresh)
	for _, proto := range [...]string{"icmp", "icmpv6"} {
		l.add("rejects", "oifgroup 2 "+proto+" type destination-unreachable", firewall.PrefixReject)
	}
	return part{name: Table, table: true, about: fmt.Sprintf("refusals are logged to NFLOG group %d", cfg.NFLogGroup),
		begin: tableBegin(), rules: l.rules}
}

// add logs what matches.
func (l *logRules) add(chain, match, prefix string) {
	l.rules = append(l.rules, fmt.Sprintf(`%s %s log prefix "%s" group %d snaplen 128 queue-threshold 32`, chain, match, prefix, l.group))
}

// leave logs nothing of what matches.
func (l *logRules) leave(chain, match string) {
	l.rules = append(l.rules, chain+" "+match+" return")
}

// attempt logs what matches, and counts what comes faster.
func (l *logRules) attempt(chain, match, prefix string) {
	l.leave(chain, match+" update @new_pace { iifname "+newPace+" } counter name over_rate")
	l.add(chain, match, prefix)
}

// pass logs what matches behind what could have dropped it, and tells if more comes.
func (l *logRules) pass(chain, match string) {
	l.rules = append(l.rules, chain+" "+match+" update @pass_pace { iifname "+passPace+" } goto over")
	l.add(chain, match, firewall.PrefixPass)
}

// tableBegin makes the table anew, with its sets and empty chains.
func tableBegin() []string {
	list := []string{"add table inet " + Table, "delete table inet " + Table, "add table inet " + Table,
		"add counter inet " + Table + " over_rate"}
	for _, set := range [...]string{"new_pace", "pass_pace", "over_pace"} {
		list = append(list, "add set inet "+Table+" "+set+" { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }")
	}
	list = append(list, "add chain inet "+Table+" over")
	for _, c := range [...]struct{ name, hook, priority string }{
		{"spoofed", "prerouting", "raw - 1"}, {"spoofed_after", "prerouting", "raw + 1"},
		{"forward_before", "forward", "filter - 1"}, {"forward_after", "forward", "filter + 1"},
		{"input_before", "input", "filter - 1"}, {"input_after", "input", "filter + 1"}, {"rejects", "output", "filter"}} {
		list = append(list, fmt.Sprintf("add chain inet %s %s { type filter hook %s priority %s; policy accept; }", Table, c.name, c.hook, c.priority))
	}
	return list
}
