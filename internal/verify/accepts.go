package verify

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// end is what a rule says of one end of the traffic that it accepts.
type end struct {
	name  string // of the qube, if it is one
	given bool   // the rule names an end, be it one qube or not
}

// beyondAllowed returns a rule that accepts more between qubes than the pairs that the user allows, ""
// if there is none, and whether that is certain: a set or a network may be of one qube only.
func (v *Verifier) beyondAllowed() (text string, certain bool) {
	for _, rule := range v.env.Ruleset.Accepts {
		from, to := v.endOf(rule, "saddr", "iifname"), v.endOf(rule, "daddr", "oifname")
		switch {
		case from.name != "" && to.name != "" && slices.Contains(v.env.Allow, [2]string{from.name, to.name}):
		case len(v.env.Allow) > 0 && from.given && to.given && (from.name == "" || to.name == ""):
			text = rule
		default:
			return rule, true
		}
	}
	return text, false
}

// endOf returns one end of what a rule is about, by the word in front of an address or an interface:
// "ip saddr 10.137.0.6" or "iifname vif4.0". A pattern of interfaces is that of all vifs.
func (v *Verifier) endOf(rule, address, iface string) (e end) {
	words, at := strings.Fields(rule), time.Unix(0, v.now-v.shift)
	for i, word := range words[:max(len(words)-1, 0)] {
		value := strings.Trim(words[i+1], `"`)
		var q *qube.Qube
		switch a, err := netip.ParseAddr(value); {
		case word == address && err == nil:
			q = v.conf.World.ByAddr(a, at)
		case word == iface:
			domain, isVif := qube.VifDomain(value)
			if !isVif {
				continue
			}
			q = v.conf.World.ByDomain(domain, at)
		case word != address:
			continue
		}
		if e.given = true; q != nil {
			e.name = q.Name
		}
	}
	return e
}
