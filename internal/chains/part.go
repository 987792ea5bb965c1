package chains

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
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
