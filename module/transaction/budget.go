package transaction

// charge adds to what a connection, its lane and the table are charged with.
func (t *connections) charge(c *connection, n int) {
	t.held += n
	c.lane.held += n
	c.charge += n
}

// shrink frees memory until the table is an eighth below its budget. The
// interface that holds most gives first, from its most silent connection on.
// What a connection really holds is measured before it is ended: an analyzer may
// have used up most of what it was given.
func (t *connections) shrink(a *Analyzers) {
	for t.held > t.budget-t.budget/8 {
		l := t.largest()
		if l == nil {
			return
		}
		c := l.list.Front().Value.(*connection)
		before := c.cost()
		if c.measure(); before-c.cost() > before/2 {
			t.charge(c, c.cost()-before)
			l.list.MoveToBack(c.place)
			continue
		}
		t.stats.Evicted++
		t.charge(c, c.cost()-before)
		t.end(a, c)
	}
}

// What is given to an analyzer is charged with some times its size: a short request
// becomes a large structure. After so many bytes it is measured anew.
const (
	fedCost      = 4
	measureEvery = 256 << 10
)

// measure replaces what was given to the analyzer by what it holds.
func (c *connection) measure() {
	c.measured, c.fed = sizeOf(c.data), 0
}

// largest returns the lane that holds most, nil where there is none.
func (t *connections) largest() (most *lane) {
	for _, l := range t.lanes {
		if l.list.Len() > 0 && (most == nil || l.held > most.held) {
			most = l
		}
	}
	return most
}
