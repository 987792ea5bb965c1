package names

import (
	"cmp"
	"strings"
)

// The spans and numbers of generated names. One odd name is nothing; people do not visit
// many in minutes.
const (
	short, long       = int64(600e9), int64(3600e9) // nanoseconds
	oddShort, oddLong = 4, 4
	unknownShort      = 10
	shareShort        = 0.125 // odd ones of all domains in the short span
	shareLong         = 0.3   // odd ones of all domains in the long span
	shareUnknown      = 0.25  // unknown ones of all domains in the short span
	bothShort         = 6     // that are odd and unknown in the short span, whatever their share
	remembered        = 64
)

// Generated watches the domains that a qube asks for, to find those that an algorithm
// generates. The zero value is ready for use.
type Generated struct {
	odd, unknown, all recent
	domains           tally
	reported          int64 // time of the last report
	weak              int64 // time of the last one of [Signs.Weak]
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

// has reports whether a domain is remembered.
func (r *recent) has(h uint32) bool {
	return r.hash[h%remembered] == h || r.hash[h>>16%remembered] == h
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
	Both                  int   // of Unknown, those that are odd, too
	Span                  int64 // within which, in nanoseconds
}

// Weak reports whether the only sign is that domains do not exist, as where a resolver blocks some.
func (s *Signs) Weak() bool { return s.Odd < oddShort && s.Both == 0 }

// Add adds a query or a response and reports whether the domains look generated, at most
// once an hour, or once more if the signs were [Signs.Weak]. Odd reports whether this domain is one of
// the odd ones.
func (g *Generated) Add(q *Query) (s Signs, odd, found bool) {
	if q.usual() || q.Local() || q.reverse() || q.proof() || !q.Suffix && !q.madeUp() {
		return Signs{}, false, false
	}
	odd, fresh := g.take(q)
	if !fresh || lately(g.reported, q.At) {
		return Signs{}, odd, false
	}
	if s, found = g.signs(q.At); !found {
		return s, odd, false
	}
	last := &g.reported
	if s.Weak() {
		last = &g.weak
	}
	if lately(*last, q.At) {
		return s, odd, false
	}
	*last = q.At
	return s, odd, true
}

// lately reports whether a report was made within the long span before at.
func lately(report, at int64) bool { return report != 0 && at-report < long && at >= report }

// madeUp reports whether a response says that an odd name does not exist below a suffix that no one has
// made public: roots of other operators have domains for those who need no registrar.
func (q *Query) madeUp() bool {
	return q.Response && q.NXDomain && q.Sub() == "" && strings.Contains(q.Name, ".") && Zone(q.Name, q.Domain, false) != Root && isOdd(q.Domain)
}

// isOdd reports whether the label of a domain that someone has chosen is odd.
func isOdd(domain string) bool {
	label, _, _ := strings.Cut(domain, ".")
	bits, ok := Oddity(label)
	return ok && bits > OddLabel
}

// take counts the domain of a query or a response, and reports whether it is odd, and whether it is an
// odd one that was not known.
func (g *Generated) take(q *Query) (odd, fresh bool) {
	if q.Response && q.Suffix && !q.NXDomain {
		return false, false
	}
	chosen := q.Chosen()
	domain := cmp.Or(chosen, q.Domain)
	h := uint32(hash(domain, q.Seed))
	if q.Response && q.Suffix {
		odd = q.bare(domain)
		return odd, odd && g.unknown.add(h, q.At)
	}
	odd = isOdd(chosen)
	if fresh = g.all.add(h, q.At); fresh {
		g.domains.add(q.At)
	}
	fresh = fresh && odd && g.odd.add(h, q.At)
	if !q.Suffix {
		fresh = g.unknown.add(h, q.At)
	}
	return odd, fresh
}

// bare reports whether the name is that of a domain itself: a host below it may be unknown although
// the domain is not, as to a resolver that blocks it.
func (q *Query) bare(domain string) bool {
	return strings.TrimPrefix(q.Name, "www.") == strings.TrimPrefix(domain, "www.")
}

// signs compares the domains of the spans before at with what is usual.
func (g *Generated) signs(at int64) (Signs, bool) {
	s := Signs{g.odd.within(short, at), g.unknown.within(short, at), g.domains.within(short, at), g.both(at), short}
	domains := float64(max(s.Domains, 1))
	if s.Odd >= oddShort && float64(s.Odd) >= shareShort*domains || s.Unknown >= unknownShort && float64(s.Unknown) >= shareUnknown*domains || s.Both >= bothShort {
		return s, true
	}
	s = Signs{g.odd.within(long, at), g.unknown.within(long, at), g.domains.within(long, at), s.Both, long}
	return s, s.Odd >= oddLong && float64(s.Odd) >= shareLong*float64(max(s.Domains, 1))
}

// both returns how many domains of the short span before at are odd and do not exist.
func (g *Generated) both(at int64) (n int) {
	for i, t := range g.unknown.at {
		if t != 0 && at-t < short && t <= at && g.odd.has(g.unknown.hash[i]) {
			n++
		}
	}
	return n
}
