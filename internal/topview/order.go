package topview

import (
	"cmp"
	"slices"
)

// Order is what the rows are sorted by.
type Order int

// The orders, in which the key s goes through them. Numbers are sorted from the highest
// down, names from A.
const (
	ByRate Order = iota // out and in
	ByOut
	ByIn
	ByFlows
	ByQueries
	ByBlocked
	ByRefused
	ByFindings
	ByName

	orders = int(iota)
)

// String returns the name of the order.
func (o Order) String() string {
	return [...]string{"rate", "out", "in", "flows", "dns", "blocked", "refused", "findings", "name"}[o]
}

// number returns the number that a row is sorted by.
func (o Order) number(q *Qube) float64 {
	switch o {
	case ByRate:
		return q.Out.Rate + q.In.Rate
	case ByOut:
		return q.Out.Rate
	case ByIn:
		return q.In.Rate
	case ByFlows:
		return float64(q.Flows)
	case ByRefused:
		return float64(q.refused())
	case ByFindings:
		return float64(q.Findings)
	case ByQueries, ByBlocked:
		return o.queries(q)
	}
	return 0
}

func (o Order) queries(q *Qube) float64 {
	switch {
	case q.DNS == nil:
		return 0
	case o == ByBlocked:
		return float64(q.DNS.Blocked)
	}
	return float64(q.DNS.Queries)
}

// Sort sorts rows. Those that are equal stand in the order of their names, and of their
// interfaces, so that rows keep their places while nothing happens.
func (o Order) Sort(qubes []Qube, reverse bool) {
	slices.SortStableFunc(qubes, func(a, b Qube) int {
		c := cmp.Or(cmp.Compare(o.number(&b), o.number(&a)), cmp.Compare(a.title(), b.title()), cmp.Compare(a.Interface, b.Interface))
		if reverse {
			return -c
		}
		return c
	})
}

// title returns what a row is called: the qube or, in parentheses, the interface.
func (q *Qube) title() string {
	if q.Name == "" {
		return "(" + q.Interface + ")"
	}
	return q.Name
}

// refused returns the packets that were refused, 0 if it is not known.
func (q *Qube) refused() uint64 {
	if q.Refused == nil {
		return 0
	}
	return *q.Refused
}
