package resolver

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Action is what became of a query.
type Action uint8

// The actions.
const (
	Resolved Action = iota // an upstream has answered
	Cached
	Blocked // by a list or a filter
	Local   // from records of the configuration, or a special name
	Refused // by qvm-firewall, or an operation that is not for clients
	Failed  // nobody had an answer
	Dropped // left without an answer: too many of them, or no query at all
	actions
)

// String returns the action as events spell it.
func (a Action) String() string {
	return [...]string{"dns-resolved", "dns-cached", "dns-blocked", "dns-local", "dns-refused", "dns-failed", "dns-dropped"}[a]
}

// Source is what an answer came from, in the words of blocky's query log.
type Source uint8

// The sources.
const (
	FromUpstream Source = iota
	FromCache
	FromBlocking
	FromZone
	FromRecords
	FromHosts
	FromFilter
	FromFQDN
	FromSpecial
	FromRebinding
	FromError
)

// String returns blocky's word; ERROR is ours.
func (s Source) String() string {
	return [...]string{"RESOLVED", "CACHED", "BLOCKED", "CONDITIONAL", "CUSTOMDNS", "HOSTSFILE", "FILTERED", "NOTFQDN", "SPECIAL",
		"REBIND", "ERROR"}[s]
}

// Match is what about a query or its answer was the reason of a decision.
type Match uint8

// The matches.
const (
	NoMatch Match = iota
	MatchName
	MatchAlias   // CNAME
	MatchTarget  // of a SVCB or HTTPS record
	MatchAddress // in an answer
	MatchHint    // address in a SVCB or HTTPS record
	MatchType
	MatchAllowOnly
	MatchRebinding
	MatchRate
	MatchSpecial
	MatchCanary
	MatchFirewall
	MatchProtocol // the message or the operation
	MatchBusy
)

// String returns the match as events spell it.
func (m Match) String() string {
	return [...]string{"", "qname", "cname", "svcb_target", "answer_ip", "hint_ip", "qtype", "allowlist_only", "rebinding", "rate_limit",
		"special_use", "canary", "qvm_firewall", "protocol", "in_flight"}[m]
}

// Outcome says what became of a query and why.
type Outcome struct {
	Action Action
	From   Source
	Match  Match
	RCode  dnsmsg.RCode
	EDE    dnsmsg.EDE

	// List and Hit are the list that has decided and its rule; List is nil where
	// none has. Name is the name that Hit is about where that is not the one that
	// was asked for, in wire form.
	List *dnspolicy.List
	Hit  blocklist.Hit
	Name []byte
	Addr netip.Addr // that was the reason

	Upstream *upstream.Address // that has answered, nil for none
	Attempts int               // at upstreams
	Took     int64             // nanoseconds that those took
	Joined   bool              // waited for the same query of somebody else
	Err      string            // why nobody had an answer

	Age, Left int64 // seconds, of what came from the cache
	Negative  bool
	Stale     bool
	Truncated bool // the client has to ask again over TCP
}

// Rule returns the rule that has decided as people write it, "" where none has.
func (o *Outcome) Rule(name []byte) string {
	if o.List == nil {
		return ""
	}
	if o.Name != nil {
		name = o.Name
	}
	return o.Hit.Rule(name)
}

// Reason returns why, in the words of blocky's query log. name is the one that
// was asked for, in lower case.
func (o *Outcome) Reason(name []byte) string { return o.ReasonOf(o.Rule(name)) }

// ReasonOf is Reason for who knows the rule already: see [Outcome.Rule].
func (o *Outcome) ReasonOf(rule string) string {
	switch o.From {
	case FromUpstream:
		if o.Upstream != nil {
			return "RESOLVED (" + o.Upstream.String() + ")"
		}
		return "RESOLVED"
	case FromCache:
		if o.Negative {
			return "CACHED NEGATIVE"
		}
		return "CACHED"
	case FromBlocking:
		return o.blocked(rule)
	case FromZone:
		return "CONDITIONAL"
	case FromRecords:
		return "CUSTOM DNS"
	case FromHosts:
		return "HOSTS FILE"
	case FromSpecial:
		return "Special-Use Domain Name"
	case FromFilter:
		return "FILTERED (" + o.Match.String() + ")"
	case FromFQDN:
		return "NOTFQDN"
	case FromRebinding:
		return "REBINDING (" + o.Addr.String() + ")"
	}
	if o.Err != "" {
		return "ERROR (" + o.Err + ")"
	}
	return "ERROR (" + o.Match.String() + ")"
}

func (o *Outcome) blocked(rule string) string {
	kind := ""
	switch o.Match {
	case MatchAlias, MatchTarget:
		kind = " CNAME"
	case MatchAddress, MatchHint:
		kind = " IP"
	}
	switch {
	case o.Match == MatchAllowOnly:
		return "BLOCKED (ALLOWLIST ONLY)"
	case o.List == nil:
		return "BLOCKED (" + o.Match.String() + ")"
	}
	return "BLOCKED" + kind + " (" + o.List.Name + ": " + rule + ")"
}
