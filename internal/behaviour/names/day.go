package names

import (
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/codec"
)

// DaySpan is how long a [Day] counts, in nanoseconds.
const DaySpan = 24 * Span

// What makes a slow tunnel: a name of it has as many characters as one of [Slow], and one
// label at least that looks generated.
const (
	dayNames = 20
	dayShort = slowMean
	dayKept  = 32 // more than dayNames
)

// Day counts the names below all domains that are new for a qube and that look as if each
// carried data: tunnels that send little, or change their domain. The zero value is empty and
// ready for use.
type Day struct {
	begun   int64
	names   uint32
	up      uint32          // characters below the domains
	recent  [dayKept]uint32 // names
	domains [dayKept]uint32
}

// Carries reports whether a query looks as if its name carried data, so that it is one for
// [Day.Add].
func (q *Query) Carries() bool {
	sub := q.Sub()
	if q.Response || q.Given || !q.Suffix || characters(sub) < dayShort || q.usual() || q.proof() {
		return false
	}
	for label := range strings.SplitSeq(sub, ".") {
		if bits, ok := Oddity(label); ok && bits > OddLabel {
			return true
		}
	}
	return false
}

// characters returns how many characters a part of a name has, as a [Window] counts them: without dots.
func characters(sub string) int { return len(sub) - strings.Count(sub, ".") }

// Add adds a query that [Query.Carries], of a domain that is new for the qube, and reports
// whether there were enough within a day. It does so once in a day.
func (d *Day) Add(q *Query) bool {
	if q.At-d.begun >= DaySpan || q.At < d.begun-DaySpan {
		*d = Day{begun: q.At}
	}
	h := uint32(hash(q.Name, q.Seed)) | 1
	if d.names == dayKept || slices.Contains(d.recent[:], h) {
		return false
	}
	d.recent[d.names] = h
	d.names++
	d.up += uint32(characters(q.Sub()))
	if h, n := uint32(hash(q.Domain, q.Seed))|1, d.Domains(); n < dayKept && !slices.Contains(d.domains[:], h) {
		d.domains[n] = h
	}
	return d.names == dayNames
}

// Names returns how many different names there were, 32 at most.
func (d *Day) Names() int { return int(d.names) }

// Up returns how many characters they had below their domains.
func (d *Day) Up() int { return int(d.up) }

// Domains returns how many different domains they had.
func (d *Day) Domains() (n int) {
	for n < len(d.domains) && d.domains[n] != 0 {
		n++
	}
	return n
}

// Code codes what was counted. There is no name in it.
func (d *Day) Code(c *codec.Coder) {
	codec.Int(c, &d.begun)
	codec.Int(c, &d.names)
	codec.Int(c, &d.up)
	for _, list := range [...]*[dayKept]uint32{&d.recent, &d.domains} {
		codec.List(c, list[:], func(h *uint32) { codec.Hash(c, h) })
	}
	if d.names > dayKept {
		*d = Day{}
		c.Fail()
	}
}
