package nftrules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/probe"
)

// Config selects the rules to install.
type Config struct {
	// ResolverPort is the port that DNS is redirected to, 0 for no redirection.
	ResolverPort uint16
	// NFLogGroup is the group that refusals are logged to, 0 for no logging.
	NFLogGroup uint16
	// Sink drops the canaries of probes that come from clients.
	Sink bool
}

// The names of our table and chains.
const (
	Table      = "qubesbeat"      // of the family inet
	SinkTable  = "qubesbeat-sink" // of the family inet
	DNSChain   = "custom-qubesbeat-dns"
	InputChain = "custom-qubesbeat-input"
)

// ruleSet is a chain or a table with its rules, installed as a whole or not at all.
type ruleSet struct {
	name    string   // of the chain, or of the table
	about   string   // what it does, for people
	begin   []string // commands that make it, empty
	rules   []string // "chain rule", in order
	isTable bool     // a table of its own, instead of a chain in ip qubes
}

// ruleSets returns what cfg selects, in the order in which a packet meets them.
func ruleSets(cfg Config) (list []ruleSet) {
	if cfg.NFLogGroup != 0 {
		list = append(list, logRuleSet(cfg))
	}
	if cfg.ResolverPort != 0 {
		list = append(list, redirection(cfg), inputRule(cfg))
	}
	if cfg.Sink {
		list = append(list, sink())
	}
	return list
}

// isTable reports whether a name is that of a table of ours, and not of a chain.
func isTable(name string) bool { return name == Table || name == SinkTable }

// sink keeps canaries in this machine, whatever their time to live is: before the chains that
// log refused connections, since they are no one's attempt to connect. One that would expire here
// does so before it comes to the hook.
func sink() ruleSet {
	const where = "inet " + SinkTable
	return ruleSet{
		name:    SinkTable,
		isTable: true,
		about:   "keeps the canaries of probes in this machine",
		begin: []string{"add table " + where, "delete table " + where, "add table " + where,
			"add chain " + where + " forward { type filter hook forward priority filter - 2; policy accept; }"},
		rules: []string{fmt.Sprintf("forward iifgroup 2 ip daddr %v counter drop", probe.Net4()), fmt.Sprintf("forward iifgroup 2 ip6 daddr %v counter drop", probe.Net6())},
	}
}

// redirection sends what the clients ask the magic addresses to the resolver. Its
// priority is before that of dnat-dns: the first chain that translates wins.
func redirection(cfg Config) ruleSet {
	return ruleSet{
		name:  DNSChain,
		about: "redirects the clients' DNS to the resolver",
		begin: []string{
			"add chain ip qubes " + DNSChain + " { type nat hook prerouting priority dstnat - 1; policy accept; }",
			"flush chain ip qubes " + DNSChain,
		},
		rules: []string{fmt.Sprintf("%s iifgroup 2 ip daddr { 10.139.1.1, 10.139.1.2 } "+
			"meta l4proto { tcp, udp } th dport 53 counter redirect to :%d", DNSChain, cfg.ResolverPort)},
	}
}

// inputRule lets the clients reach the resolver: the input chain of Qubes drops
// everything that no rule accepts.
func inputRule(cfg Config) ruleSet {
	return ruleSet{
		name:  InputChain,
		about: "lets the clients reach the resolver",
		begin: []string{"add chain ip qubes " + InputChain, "flush chain ip qubes " + InputChain},
		rules: []string{fmt.Sprintf("%s iifgroup 2 meta l4proto { tcp, udp } th dport %d counter accept",
			InputChain, cfg.ResolverPort)},
	}
}

// jump leads from Qubes' input chain to ours.
const jump = "insert rule ip qubes custom-input jump " + InputChain + ` comment "qubesbeat"`

// digest identifies the content of the rule set.
func (r *ruleSet) digest() string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(r.begin, r.rules), "\n")))
	return hex.EncodeToString(sum[:4])
}

// comments returns the comments of the rules, in order.
func (r *ruleSet) comments() (list []string) {
	for i := range r.rules {
		list = append(list, fmt.Sprintf("qubesbeat %s %d/%d", r.digest(), i+1, len(r.rules)))
	}
	return list
}

// install returns the commands that make the rule set, or restore it if it differs.
func (r *ruleSet) install() []string {
	where := "ip qubes"
	if r.isTable {
		where = "inet " + r.name
	}
	list := slices.Clone(r.begin)
	for i, comment := range r.comments() {
		list = append(list, fmt.Sprintf("add rule %s %s comment \"%s\"", where, r.rules[i], comment))
	}
	return list
}

// remove returns the commands that remove the rule set of that name.
func remove(name string) []string {
	if isTable(name) {
		return []string{"delete table inet " + name}
	}
	return []string{"flush chain ip qubes " + name, "delete chain ip qubes " + name}
}
