package verify

import (
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// rulesetState is when the ruleset of nft has changed last.
type rulesetState struct {
	generation uint64
	changed    int64 // own time; 0 if it has not changed since the start
}

// take notes a ruleset.
func (r *rulesetState) take(now *Ruleset, at int64) {
	if now == nil {
		return
	}
	if r.generation != 0 && r.generation != now.Generation {
		r.changed = at
	}
	r.generation = now.Generation
}

// restsOnRules are the checks that packets decide by what the rules of this machine do with them.
var restsOnRules = setOf(ISO1, ISO3, ISO4, ISO6)

// restsOnInventory are the checks that rules decide by the address of a qube, or by what is
// expected of it.
var restsOnInventory = setOf(ISO5, VPN8)

// void reports whether the rules have changed since the last packet that agrees: what it showed
// is not known of those that are loaded now.
func (v *Verifier) void(r *record) bool { return v.ruleset.changed != 0 && r.seen <= v.ruleset.changed }

// isolation decides ISO-2.
func (v *Verifier) isolation() (Verdict, Reason) {
	r := v.env.Ruleset
	switch {
	case r == nil:
		return Unknown, NoRulesRead
	case !r.DropsBetween4 || !r.DropsBetween6:
		return Fail, NoReason
	}
	switch rule, certain := v.beyondAllowed(); {
	case certain:
		return Fail, NoReason
	case rule != "":
		return Unknown, NoExpectation
	}
	return Pass, NoReason
}

// loaded decides ISO-5: whether qvm-firewall has loaded the rules of a qube.
func (v *Verifier) loaded(s *subject) (Verdict, Reason) {
	r := v.env.Ruleset
	switch {
	case r == nil || v.env.Rules == nil:
		return Unknown, NoRulesRead
	case s.qube == nil:
		return Unknown, NoExpectation
	case v.now-s.begunOwn < attachedFor:
		return Unknown, RulesetChanged
	case !r.Firewall || !slices.Contains(r.Chains, s.qube.IP):
		return Fail, NoReason
	}
	return Pass, NoReason
}

// attachedFor is how long qvm-firewall may take to load the rules of a qube that was just
// attached, in nanoseconds.
const attachedFor = int64(2e9)

// endpointRules decides VPN-8.
func (v *Verifier) endpointRules(s *subject) (Verdict, Reason) {
	switch {
	case v.env.Rules == nil:
		return Unknown, NoRulesRead
	case s.rules == nil || len(s.expect.Endpoints) == 0:
		return Unknown, NoExpectation
	}
	_, _, ok := s.rules.Hosts()
	switch rule, fails := s.expect.beyond(s.rules); {
	case fails:
		return Fail, NoReason
	case rule != "":
		return Unknown, NoExpectation
	case !ok:
		return Fail, NoReason
	}
	return Pass, NoReason
}

// beyond returns a rule that lets a qube reach more than the endpoints, DNS and ICMP, "" if there
// is none, and whether that is certain: a name may be that of an endpoint, unless others are known.
func (x *Expectation) beyond(rules *Rules) (text string, certain bool) {
	hosts, open, _ := rules.Hosts()
	for _, one := range slices.Concat(hosts, open) {
		switch {
		case one.Aside(), one.Host == "" && one.Net.IsValid() && one.Net.IsSingleIP() && x.isFor(one):
		case one.Host != "" && (len(x.Names) == 0 || x.hasName(strings.ToLower(strings.TrimSuffix(one.Host, ".")))):
			text = one.Text
		default:
			return one.Text, true
		}
	}
	return text, false
}

// isFor reports whether a rule for a host opens an endpoint and no more of it. That it is for ESP, no rule of
// qvm-firewall can say.
func (x *Expectation) isFor(one *qvmfirewall.Rule) bool {
	return slices.ContainsFunc(x.Endpoints, func(e Endpoint) bool {
		switch {
		case e.Addr != one.Net.Addr():
			return false
		case e.Proto != packet.ProtoTCP && e.Proto != packet.ProtoUDP:
			return true
		}
		return e.Proto == one.Proto && (e.Port == 0 || one.From == e.Port && one.To == e.Port)
	})
}
