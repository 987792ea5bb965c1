package verify

import (
	"net/netip"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// Rules are those of qvm-firewall for one qube.
type Rules struct {
	*qvmfirewall.Rules
	// Changed is when the rules were read that differ from those before, in nanoseconds
	// since the Unix epoch; 0 if that is not known.
	Changed int64
}

// ParseRules reads the rules of one qube: see [qvmfirewall.Parse].
func ParseRules(entries map[string]string) (*Rules, error) {
	r, err := qvmfirewall.Parse(entries)
	if err != nil {
		return nil, err
	}
	return &Rules{Rules: r}, nil
}

// Endpoints returns the hosts that the rules accept if they drop all else, as the rules of a
// tunnel do. open and ok are those of [qvmfirewall.Rules.Hosts].
func (r *Rules) Endpoints() (hosts []Endpoint, open []*qvmfirewall.Rule, ok bool) {
	rules, open, ok := r.Hosts()
	for _, one := range rules {
		e := Endpoint{Addr: one.Net.Addr(), Proto: one.Proto}
		if one.From == one.To {
			e.Port = one.From
		}
		hosts = append(hosts, e)
	}
	return hosts, open, ok
}

// Tunnel returns the hosts that the rules accept. ok is false if they accept anything else but
// DNS and ICMP.
func (r *Rules) Tunnel() (hosts []Endpoint, ok bool) {
	hosts, open, ok := r.Endpoints()
	return hosts, ok && !slices.ContainsFunc(open, func(one *qvmfirewall.Rule) bool { return !one.Aside() })
}

// magic reports whether an address is one of those that every qube uses as its resolvers.
func magic(a netip.Addr) bool { return qvmfirewall.IsMagic(a) }
