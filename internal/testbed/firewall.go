//go:build linux

package testbed

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
)

//go:embed qubes.nft
var baseRules string

// worldRules accepts what sys-net needs besides Qubes' rules, since it has the servers.
const worldRules = `
add rule ip qubes custom-input accept
add rule ip6 qubes custom-input accept
`

// Nft loads rules, in nft's language, in the machine. Later changes to the
// network do not touch chains of the caller's own.
func (h *Host) Nft(rules string) error {
	_, _, err := h.run(context.Background(), rules, "nft", "-f", "-")
	return err
}

// loadFirewall gives q the base rules of a qube that provides network.
func (q *Qube) loadFirewall() error {
	rules := baseRules
	if q.netvm == nil {
		rules += worldRules
	}
	return q.Nft(rules)
}

// admit accepts traffic of the client in q, if it comes from its own vif and
// has its own address.
func (q *Qube) admit(client *Qube) error {
	var b strings.Builder
	for _, a := range client.addrs() {
		fam := family(a)
		fmt.Fprintf(&b, "add element %s qubes allowed { \"%s\" . %v }\n", fam, client.Vif, a)
		fmt.Fprintf(&b, "add element %s qubes downstream { %v }\n", fam, a)
		chain := "qbs-" + dashed(a)
		fmt.Fprintf(&b, "add chain %s qubes-firewall %s\nflush chain %[1]s qubes-firewall %[2]s\n", fam, chain)
		if a.Is4() {
			for _, r := range client.Rules {
				fmt.Fprintf(&b, "add rule ip qubes-firewall %s %s\n", chain, r)
			}
		}
		fmt.Fprintf(&b, "add rule %s qubes-firewall %s accept\n", fam, chain)
		if !q.chains[chain] {
			q.chains[chain] = true
			fmt.Fprintf(&b, "add rule %s qubes-firewall qubes-forward %[1]s saddr %v jump %s\n", fam, a, chain)
		}
	}
	return q.Nft(b.String())
}

// expel reverts admit.
func (q *Qube) expel(client *Qube) error {
	var b strings.Builder
	for _, a := range client.addrs() {
		fam := family(a)
		fmt.Fprintf(&b, "delete element %s qubes allowed { \"%s\" . %v }\n", fam, client.Vif, a)
		fmt.Fprintf(&b, "delete element %s qubes downstream { %v }\n", fam, a)
	}
	return q.Nft(b.String())
}

// family returns nft's word for the family of a.
func family(a netip.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}
