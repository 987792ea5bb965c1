package dnspolicy

import (
	"net/netip"
	"path"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Rule gives settings to qubes. A qube is meant when it meets one of the
// selectors; a rule without any is for what other rules leave open.
type Rule struct {
	Qubes     []string // names, or patterns as of path.Match: work-*
	Labels    []string
	Classes   []string
	Templates []string // names or patterns
	Tags      []string
	Addresses []netip.Prefix

	Lists     []string // nil says nothing, an empty one that there are none
	Upstream  string   // "" says nothing, as do the zero values below
	AllowOnly *bool
	Isolate   *bool
	Rebinding *bool // whether private addresses are removed from answers
	FQDNOnly  *bool
	Types     []dnsmsg.Type // that are answered with nothing
	Block     *Block
	Schedule  string // when the rule holds, "" for always
}

// general reports whether a rule has no selectors.
func (r *Rule) general() bool {
	return len(r.Qubes)+len(r.Labels)+len(r.Classes)+len(r.Templates)+len(r.Tags)+len(r.Addresses) == 0
}

// meets reports whether a rule is for a qube, which may be nil, with an address,
// which may be invalid.
func (r *Rule) meets(q *qube.Qube, a netip.Addr) bool {
	for _, n := range r.Addresses {
		if a.IsValid() && n.Contains(a) || q != nil && (n.Contains(q.IP) || n.Contains(q.IP6)) {
			return true
		}
	}
	if q == nil {
		return false
	}
	return matches(r.Qubes, q.Name) || slices.Contains(r.Labels, q.Label) && q.Label != "" ||
		slices.Contains(r.Classes, q.Class) && q.Class != "" || matches(r.Templates, q.Template) ||
		slices.ContainsFunc(r.Tags, func(t string) bool { return slices.Contains(q.Tags, t) })
}

func matches(patterns []string, name string) bool {
	return name != "" && slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // patterns are checked when they are read
		return ok
	})
}

// Answer is how a blocked name is answered.
type Answer uint8

// The answers.
const (
	ZeroIP   Answer = iota // 0.0.0.0 and ::, nothing for other types
	NXDomain               // the name does not exist
	NoData                 // there is no record of this type
	Refuse                 // REFUSED
	Custom                 // the addresses of Block; ZeroIP if there are none of the family
)

// Block is how a blocked name is answered, and for how long that holds.
type Block struct {
	Answer    Answer
	Addresses []netip.Addr
	TTL       uint32 // seconds
}

// List is a list of names under one name.
type List struct {
	Name     string
	Deny     []blocklist.Source
	Except   []blocklist.Source // exceptions from Deny, which concern no other list
	Allow    []blocklist.Source // names to allow, whatever any list says
	Schedule string             // when it holds, "" for always
	// AllowOnly is set if the list has names to allow and none to deny: qubes that
	// have it may ask for nothing else.
	AllowOnly bool
}

// Schedule is a part of the week. It ends on the next day where End is before
// Begin. Both are since midnight, by the clock on the wall.
type Schedule struct {
	Days       []time.Weekday // none: all
	Begin, End time.Duration
}

// Holds reports whether a schedule holds at a time.
func (s *Schedule) Holds(t time.Time) bool {
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	on := func(d time.Weekday) bool { return len(s.Days) == 0 || slices.Contains(s.Days, d) }
	if s.Begin < s.End {
		return on(t.Weekday()) && now >= s.Begin && now < s.End
	}
	return on(t.Weekday()) && now >= s.Begin || on((t.Weekday()+6)%7) && now < s.End
}

var answerNames = [...]string{"zeroip", "nxdomain", "nodata", "refused", "addresses"}

// String returns the answer as the configuration spells it, "unknown" for a value
// that has no name.
func (a Answer) String() string {
	if int(a) < len(answerNames) {
		return answerNames[a]
	}
	return "unknown"
}
