package names

import "strings"

// The spans and numbers of generated names. One odd name is nothing; people do not visit
// many in minutes.
const (
	short, long       = int64(600e9), int64(3600e9) // nanoseconds
	oddShort, oddLong = 4, 4
	unknownShort      = 10
	shareShort        = 0.125 // odd ones of all domains in the short span
	shareLong         = 0.3   // odd ones of all domains in the long span
	shareUnknown      = 0.25  // unknown ones of all domains in the short span
	remembered        = 64
)

// Generated watches the domains that a qube asks for, to find those that an algorithm
// generates. The zero value is ready for use.
type Generated struct {
	odd, unknown, all recent
	domains           tally
	reported          int64 // time of the last report
}

// tally counts by ten minutes, for an hour: many more domains than are remembered.
type tally struct {
	count [7]uint32
	slot  [7]int64
}

// add counts one.
func (t *tally) add(at int64) {
	slot := at / short
	i := uint64(slot) % uint64(len(t.slot))
	if t.slot[i] != slot {
		t.slot[i], t.count[i] = slot, 0
	}
	t.count[i]++
}

// within returns what was counted in the ten minutes that a span before at touches.
func (t *tally) within(span, at int64) (n int) {
	last := at / short
	for i, slot := range t.slot {
		if slot <= last && slot > last-span/short-1 {
			n += int(t.count[i])
		}
	}
	return n
}

// recent are the latest different domains, each at one of two places.
type recent struct {
	at   [remembered]int64
	hash [remembered]uint32
}

// add adds a domain and reports whether it is a new one. A domain that is known is as old
// as it was. If both places are taken, the older one goes.
func (r *recent) add(h uint32, at int64) bool {
	a, b := h%remembered, h>>16%remembered
	for _, i := range [...]uint32{a, b} {
		if r.hash[i] == h && r.at[i] != 0 && at-r.at[i] < long {
			return false
		}
	}
	if r.at[b] < r.at[a] {
		a = b
	}
	r.hash[a], r.at[a] = h, at
	return true
}

// within returns how many domains came within a span before at.
func (r *recent) within(span, at int64) (n int) {
	for _, t := range r.at {
		if t != 0 && at-t < span && t <= at {
			n++
		}
	}
	return n
}

// Signs are what [Generated.Add] has found.
type Signs struct {
	Odd, Unknown, Domains int   // different domains
	Span                  int64 // within which, in nanoseconds
}

// Add adds a query or a response and reports whether the domains look generated, at most
// once an hour. IsOdd reports whether this domain is one of the odd ones.
func (g *Generated) Add(q *Query) (s Signs, isOdd, found bool) {
	if q.usual() || q.proof() || !q.Suffix {
		return Signs{}, false, false
	}
	isOdd, fresh := g.take(q)
	if !fresh || g.reported != 0 && q.At-g.reported < long && q.At >= g.reported {
		return Signs{}, isOdd, false
	}
	if s, found = g.signs(q.At); found {
		g.reported = q.At
	}
	return s, isOdd, found
}

// take counts the domain of a query or a response, and reports whether it is odd, and whether it is an
// odd one that was not known.
func (g *Generated) take(q *Query) (isOdd, fresh bool) {
	h := uint32(hash(q.Domain, q.Seed))
	if q.Response {
		isOdd = q.NXDomain && q.bare()
		return isOdd, isOdd && g.unknown.add(h, q.At)
	}
	label, _, _ := strings.Cut(q.Domain, ".")
	bits, ok := Oddity(label)
	isOdd = ok && bits > OddLabel && !q.Given
	if fresh = g.all.add(h, q.At); fresh {
		g.domains.add(q.At)
	}
	return isOdd, fresh && isOdd && g.odd.add(h, q.At)
}

// bare reports whether the name is that of the domain itself: a host below it may be unknown although
// the domain is not, as to a resolver that blocks it.
func (q *Query) bare() bool {
	sub := q.Sub()
	return sub == "" || sub == "www"
}

// signs compares the domains of the spans before at with what is usual.
func (g *Generated) signs(at int64) (Signs, bool) {
	s := Signs{g.odd.within(short, at), g.unknown.within(short, at), g.domains.within(short, at), short}
	domains := float64(max(s.Domains, 1))
	if s.Odd >= oddShort && float64(s.Odd) >= shareShort*domains || s.Unknown >= unknownShort && float64(s.Unknown) >= shareUnknown*domains {
		return s, true
	}
	s = Signs{g.odd.within(long, at), g.unknown.within(long, at), g.domains.within(long, at), long}
	return s, s.Odd >= oddLong && float64(s.Odd) >= shareLong*float64(max(s.Domains, 1))
}
