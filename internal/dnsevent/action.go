package dnsevent

// Action is what the resolver did with a query.
type Action uint8

// The actions.
const (
	Resolved Action = iota // answered by an upstream
	Cached                 // answered from the cache
	Blocked                // by a list or a filter
	Local                  // answered from local records, or as a special-use name
	Refused                // by qvm-firewall, or an operation that is not for clients
	Failed                 // SERVFAIL: no upstream had an answer
	Dropped                // not answered: over the rate limit, or not a query

	// Actions is the number of actions.
	Actions = int(iota)
)

var actionNames = [...]string{"dns-resolved", "dns-cached", "dns-blocked", "dns-local", "dns-refused", "dns-failed", "dns-dropped"}

// String returns the action as events spell it.
func (a Action) String() string { return nameOf(actionNames[:], int(a)) }

// Source is where an answer came from.
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

var sourceNames = [...]string{"RESOLVED", "CACHED", "BLOCKED", "CONDITIONAL", "CUSTOMDNS", "HOSTSFILE", "FILTERED", "NOTFQDN", "SPECIAL",
	"REBIND", "ERROR"}

// String returns the source as blocky's query log spells it; blocky has no ERROR.
func (s Source) String() string { return nameOf(sourceNames[:], int(s)) }

// Match is the part of a query or its answer that caused a decision.
type Match uint8

// The matches.
const (
	NoMatch      Match = iota
	MatchName          // of the question
	MatchAlias         // target of a CNAME or DNAME record
	MatchTarget        // of a SVCB or HTTPS record
	MatchAddress       // in an answer
	MatchHint          // address in a SVCB or HTTPS record
	MatchType
	MatchAllowOnly // no list allows the name
	MatchRebinding // a private address in an answer
	MatchRate
	MatchSpecial
	MatchCanary
	MatchFirewall
	MatchProtocol // the message or the operation
	MatchBusy     // too many queries under way
)

var matchNames = [...]string{"", "qname", "cname", "svcb_target", "answer_ip", "hint_ip", "qtype", "allowlist_only", "rebinding", "rate_limit",
	"special_use", "canary", "qvm_firewall", "protocol", "in_flight"}

// String returns the match as events spell it, "" for NoMatch.
func (m Match) String() string { return nameOf(matchNames[:], int(m)) }

// nameOf returns the name of a value, "unknown" for one that has none.
func nameOf(names []string, value int) string {
	if value < len(names) {
		return names[value]
	}
	return "unknown"
}
