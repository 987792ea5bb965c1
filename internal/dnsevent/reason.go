package dnsevent

// Reason returns the reason in the words of blocky's query log. name is the name
// of the question, in wire form and lower case.
func (o *Outcome) Reason(name []byte) string { return o.ReasonOf(o.Rule(name)) }

// reasons are those that do not depend on the query.
var reasons = map[Source]string{FromZone: "CONDITIONAL", FromRecords: "CUSTOM DNS", FromHosts: "HOSTS FILE",
	FromSpecial: "Special-Use Domain Name", FromFQDN: "NOTFQDN"}

// ReasonOf is like Reason for callers that have the result of [Outcome.Rule].
func (o *Outcome) ReasonOf(rule string) string {
	switch o.From {
	case FromUpstream:
		if o.Upstream != nil {
			return "RESOLVED (" + o.Upstream.URL + ")"
		}
		return "RESOLVED"
	case FromCache:
		if o.Negative {
			return "CACHED NEGATIVE"
		}
		return "CACHED"
	case FromBlocking:
		return o.blockReason(rule)
	case FromFilter:
		return "FILTERED (" + o.Match.String() + ")"
	case FromRebinding:
		return "REBINDING (" + o.Addr.String() + ")"
	}
	if text, ok := reasons[o.From]; ok {
		return text
	}
	if o.Err != "" {
		return "ERROR (" + o.Err + ")"
	}
	return "ERROR (" + o.Match.String() + ")"
}

func (o *Outcome) blockReason(rule string) string {
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
	case o.List == "":
		return "BLOCKED (" + o.Match.String() + ")"
	}
	return "BLOCKED" + kind + " (" + o.List + ": " + rule + ")"
}
