package chains

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// Config says what is wanted.
type Config struct {
	ResolverPort uint16 // that DNS is redirected to; 0 for no redirection
	NFLogGroup   uint16 // that refusals are logged to; 0 for none
}

// Names of what is ours.
const (
	Table      = "qubesbeat" // inet
	DNSChain   = "custom-qubesbeat-dns"
	InputChain = "custom-qubesbeat-input"
)

// part is a piece that is there as a whole or not at all.
type part struct {
	name  string // of the chain, or of the table
	about string // for people
	begin []string
	rules []string // "chain rule", in order
	table bool     // a table of its own, instead of a chain in ip qubes
}

// parts returns what cfg wants, in the order of a packet's way.
func parts(cfg Config) (list []part) {
	if cfg.NFLogGroup != 0 {
		list = append(list, logging(cfg))
	}
	if cfg.ResolverPort != 0 {
		list = append(list, redirection(cfg), admission(cfg))
	}
	return list
}

// redirection sends what the clients ask the magic addresses to the resolver. Its
// priority is before that of dnat-dns: the first chain that translates wins.
func redirection(cfg Config) part {
	return part{name: DNSChain, about: "DNS of the clients goes to the resolver",
		begin: []string{"add chain ip qubes " + DNSChain + " { type nat hook prerouting priority dstnat - 1; policy accept; }",
			"flush chain ip qubes " + DNSChain},
		rules: []string{fmt.Sprintf("%s iifgroup 2 ip daddr { 10.139.1.1, 10.139.1.2 } meta l4proto { tcp, udp } th dport 53 counter redirect to :%d", DNSChain, cfg.ResolverPort)},
	}
}

// admission lets the clients reach the resolver: the input chain of Qubes drops
// what it does not know.
func admission(cfg Config) part {
	return part{name: InputChain, about: "the clients may reach the resolver",
		begin: []string{"add chain ip qubes " + InputChain, "flush chain ip qubes " + InputChain},
		rules: []string{fmt.Sprintf("%s iifgroup 2 meta l4proto { tcp, udp } th dport %d counter accept", InputChain, cfg.ResolverPort)},
	}
}

// jump leads from Qubes' input chain to ours.
const jump = "insert rule ip qubes custom-input jump " + InputChain + ` comment "qubesbeat"`

// What is logged of one interface at most: new attempts, and, with room for those
// that were not logged, passes. More attempts are counted, and more passes told.
const (
	newPace  = "limit rate over 500/second burst 1000 packets"
	passPace = "limit rate over 2000/second burst 4000 packets"
)

// logging logs each new connection of the clients before all filters and behind
// them, spoofed addresses before Qubes drops them, and the errors that the clients
// get. A connection that has passed once is confirmed, and not logged again.
func logging(cfg Config) part {
	p := part{name: Table, table: true, about: fmt.Sprintf("refusals are logged to NFLOG group %d", cfg.NFLogGroup),
		begin: []string{"add table inet " + Table, "delete table inet " + Table, "add table inet " + Table,
			"add counter inet " + Table + " over_rate",
			"add set inet " + Table + " new_pace { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }",
			"add set inet " + Table + " pass_pace { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }",
			"add set inet " + Table + " over_pace { type ifname; size 4096; flags dynamic,timeout; timeout 1m; }",
			"add chain inet " + Table + " over"}}
	for _, c := range [...]struct{ name, hook, priority string }{
		{"spoofed", "prerouting", "raw - 1"}, {"spoofed_after", "prerouting", "raw + 1"}, {"forward_before", "forward", "filter - 1"}, {"forward_after", "forward", "filter + 1"},
		{"input_before", "input", "filter - 1"}, {"input_after", "input", "filter + 1"}, {"rejects", "output", "filter"}} {
		p.begin = append(p.begin, fmt.Sprintf("add chain inet %s %s { type filter hook %s priority %s; policy accept; }", Table, c.name, c.hook, c.priority))
	}
	log := func(prefix string) string {
		return fmt.Sprintf(`log prefix "%s" group %d snaplen 128 queue-threshold 32`, prefix, cfg.NFLogGroup)
	}
	const fresh = "iifgroup 2 ct state new ct status & confirmed == 0"
	attempt := func(chain, prefix string) {
		p.rules = append(p.rules, chain+" "+fresh+" update @new_pace { iifname "+newPace+" } counter name over_rate return", chain+" "+fresh+" "+log(prefix))
	}
	pass := func(chain string) {
		p.rules = append(p.rules, chain+" "+fresh+" update @pass_pace { iifname "+passPace+" } goto over", chain+" "+fresh+" "+log(firewall.PrefixPass))
	}
	resolver := func(chain string) {
		if cfg.ResolverPort != 0 {
			p.rules = append(p.rules, fmt.Sprintf("%s iifgroup 2 meta l4proto { tcp, udp } th dport %d return", chain, cfg.ResolverPort))
		}
	}
	p.rules = append(p.rules, "over update @over_pace { iifname limit rate 2/second burst 2 packets } "+log(firewall.PrefixOver))
	// A route that leads elsewhere is a suspicion: an HVM may have two vifs. What
	// Qubes' own antispoofing lets through is none of it.
	const foreign = "iifgroup 2 fib saddr . iif oif missing"
	for _, c := range [...]string{"spoofed", "spoofed_after"} {
		p.rules = append(p.rules, c+" iifgroup 2 ip6 saddr { ::, fe80::/10 } return", c+" iifgroup 2 ip saddr 0.0.0.0 return")
	}
	p.rules = append(p.rules, "spoofed "+foreign+" update @new_pace { iifname "+newPace+" } counter name over_rate return",
		"spoofed "+foreign+" "+log(firewall.PrefixSpoof),
		"spoofed_after "+foreign+" update @pass_pace { iifname "+passPace+" } goto over", "spoofed_after "+foreign+" "+log(firewall.PrefixPass))
	attempt("forward_before", firewall.PrefixNew)
	pass("forward_after")
	resolver("input_before")
	attempt("input_before", firewall.PrefixInput)
	resolver("input_after")
	pass("input_after")
	p.rules = append(p.rules, "rejects oifgroup 2 icmp type destination-unreachable "+log(firewall.PrefixReject),
		"rejects oifgroup 2 icmpv6 type destination-unreachable "+log(firewall.PrefixReject))
	return p
}

// digest names the content of a part.
func (p *part) digest() string {
	sum := sha256.Sum256([]byte(strings.Join(append(append([]string(nil), p.begin...), p.rules...), "\n")))
	return hex.EncodeToString(sum[:4])
}

// marks returns the comments of the rules.
func (p *part) marks() (marks []string) {
	for i := range p.rules {
		marks = append(marks, fmt.Sprintf("qubesbeat %s %d/%d", p.digest(), i+1, len(p.rules)))
	}
	return marks
}

// install returns the commands that make the part what it should be.
func (p *part) install() []string {
	where := "ip qubes"
	if p.table {
		where = "inet " + Table
	}
	list := append([]string(nil), p.begin...)
	for i, mark := range p.marks() {
		list = append(list, fmt.Sprintf("add rule %s %s comment \"%s\"", where, p.rules[i], mark))
	}
	return list
}

// remove returns the commands that take a part away.
func remove(name string) []string {
	if name == Table {
		return []string{"delete table inet " + Table}
	}
	return []string{"flush chain ip qubes " + name, "delete chain ip qubes " + name}
}
