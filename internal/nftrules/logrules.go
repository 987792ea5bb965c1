package nftrules

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// The rates at which packets of one interface are logged. More new connections are
// counted by over_rate. The rate of accepted packets is higher, since those whose
// attempt was not logged come on top; once it is exceeded, a message with
// [firewall.PrefixOver] says so, twice a second at most.
const (
	newRate  = "limit rate over 500/second burst 1000 packets"
	passRate = "limit rate over 2000/second burst 4000 packets"
	overRate = "limit rate 2/second burst 2 packets"
)

// What is logged.
const (
	// fresh matches the packets of a new connection. Conntrack confirms it when a
	// packet has passed all hooks, so that an accepted connection is logged once.
	fresh = "iifgroup 2 ct state new ct status & confirmed == 0"
	// foreign matches a source address that is not routed to the interface. It is a
	// suspicion only: an HVM may have two vifs with one address.
	foreign = "iifgroup 2 fib saddr . iif oif missing"
)

// logRules collects the rules that log to one group.
type logRules struct {
	group uint16
	rules []string
}

// logRuleSet logs each new connection of the clients before and after all filters,
// foreign source addresses before and after Qubes' antispoofing, and the ICMP errors
// that the clients get.
func logRuleSet(cfg Config) ruleSet {
	l := logRules{group: cfg.NFLogGroup}
	l.log("over", "update @over_pace { iifname "+overRate+" }", firewall.PrefixOver)
	for _, chain := range [...]string{"spoofed", "spoofed_after"} {
		l.skip(chain, "iifgroup 2 ip6 saddr { ::, fe80::/10 }")
		l.skip(chain, "iifgroup 2 ip saddr 0.0.0.0")
	}
	l.logAttempts("spoofed", foreign, firewall.PrefixSpoof)
	l.logPasses("spoofed_after", foreign)
	l.logAttempts("forward_before", fresh, firewall.PrefixNew)
	l.logPasses("forward_after", fresh)
	toResolver := fmt.Sprintf("iifgroup 2 meta l4proto { tcp, udp } th dport %d", cfg.ResolverPort)
	if cfg.ResolverPort != 0 {
		l.skip("input_before", toResolver)
	}
	l.logAttempts("input_before", fresh, firewall.PrefixInput)
	if cfg.ResolverPort != 0 {
		l.skip("input_after", toResolver)
	}
	l.logPasses("input_after", fresh)
	for _, proto := range [...]string{"icmp", "icmpv6"} {
		l.log("rejects", "oifgroup 2 "+proto+" type destination-unreachable", firewall.PrefixReject)
	}
	return ruleSet{
		name:    Table,
		isTable: true,
		about:   fmt.Sprintf("logs refused connections to NFLOG group %d", cfg.NFLogGroup),
		begin:   emptyTable(),
		rules:   l.rules,
	}
}

// log adds a rule that logs what matches: up to 128 bytes of a packet, which hold its
// headers, in netlink messages of up to 32 packets.
func (l *logRules) log(chain, match, prefix string) {
	l.rules = append(l.rules, fmt.Sprintf(`%s %s log prefix "%s" group %d snaplen 128 queue-threshold 32`,
		chain, match, prefix, l.group))
}

// skip adds a rule that returns before the log rule.
func (l *logRules) skip(chain, match string) {
	l.rules = append(l.rules, chain+" "+match+" return")
}

// logAttempts logs what matches, up to newRate, and counts the rest.
func (l *logRules) logAttempts(chain, match, prefix string) {
	l.skip(chain, match+" update @new_pace { iifname "+newRate+" } counter name over_rate")
	l.log(chain, match, prefix)
}

// logPasses logs what matches after the filters, up to passRate. The chain over logs
// that there is more.
func (l *logRules) logPasses(chain, match string) {
	l.rules = append(l.rules, chain+" "+match+" update @pass_pace { iifname "+passRate+" } goto over")
	l.log(chain, match, firewall.PrefixPass)
}

// emptyTable returns the commands that make the table, or make it again, with its
// sets and empty chains.
func emptyTable() []string {
	list := []string{"add table inet " + Table, "delete table inet " + Table, "add table inet " + Table,
		"add counter inet " + Table + " over_rate"}
	for _, set := range [...]string{"new_pace", "pass_pace", "over_pace"} {
		list = append(list, "add set inet "+Table+" "+set+
			" { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }")
	}
	list = append(list, "add chain inet "+Table+" over")
	for _, c := range [...]struct{ name, hook, priority string }{
		{"spoofed", "prerouting", "raw - 1"}, {"spoofed_after", "prerouting", "raw + 1"},
		{"forward_before", "forward", "filter - 1"}, {"forward_after", "forward", "filter + 1"},
		{"input_before", "input", "filter - 1"}, {"input_after", "input", "filter + 1"},
		{"rejects", "output", "filter"},
	} {
		list = append(list, fmt.Sprintf("add chain inet %s %s { type filter hook %s priority %s; policy accept; }",
			Table, c.name, c.hook, c.priority))
	}
	return list
}
