package dnsevent

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Outcome is how a query was answered, and why.
type Outcome struct {
	Action Action
	From   Source
	Match  Match
	RCode  dnsmsg.RCode
	EDE    dnsmsg.EDE // extended error (RFC 8914), dnsmsg.NoEDE for none

	// List is the name of the list that decided, "" if none did; Hit is its rule.
	List string
	Hit  Hit
	// Name, in wire form and lower case, is the name that Hit matched; nil for the
	// name of the question.
	Name []byte
	// Addr is the address that caused the decision; invalid if none did.
	Addr netip.Addr

	Upstream *Server // that answered, nil for none; shared, must not be changed
	Attempts int     // queries sent upstream
	Took     int64   // nanoseconds that those took
	Joined   bool    // waited for the same query of another client
	Err      string  // why there was no answer, "" if there was one

	Age, Left int64 // seconds in the cache so far, and until expiry
	Negative  bool  // the answer is NXDOMAIN, or has no data
	Stale     bool  // the answer had expired (RFC 8767)
	Truncated bool  // the client has to ask again over TCP
}

// Hit is the rule of a list that matched.
type Hit struct {
	// Text is the rule if it is an expression, an address or a network. If it is
	// "", the rule is the name that was looked up, from the offset At on, with all
	// below it if Tree is set.
	Text string
	At   int
	Tree bool
}

// Rule returns the rule as lists spell it. name is the name that was looked up,
// in wire form and lower case.
func (h *Hit) Rule(name []byte) string {
	switch {
	case h.Text != "":
		return h.Text
	case h.At > len(name):
		return ""
	case h.Tree:
		return "*." + dnsmsg.Text(name[h.At:])
	}
	return dnsmsg.Text(name[h.At:])
}

// Server is an upstream.
type Server struct {
	URL      string // as the configuration spells it
	Endpoint string // address and port
	Protocol string // udp, tcp, tls, https
}

// Rule returns the rule that decided as lists spell it, "" if none did. name is
// the name of the question, in wire form and lower case.
func (o *Outcome) Rule(name []byte) string {
	if o.List == "" {
		return ""
	}
	if o.Name != nil {
		name = o.Name
	}
	return o.Hit.Rule(name)
}
