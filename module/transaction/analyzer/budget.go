package analyzer

// charge adds n bytes to the charge of a connection, its share and the table.
func (t *connections) charge(c *connection, n int) {
	t.held += n
	c.share.held += n
	c.charged += n
}

// shrink frees memory until the table is an eighth below its budget. The interface
// with the largest share loses connections, the one that was idle longest first.
// Before a connection is ended, what it really holds is measured: the analyzer may
// have released most of its input.
func (t *connections) shrink(a *analyzers) {
	for t.held > t.budget-t.budget/8 {
		s := t.largest()
		if s == nil {
			return
		}
		c := s.list.Front().Value.(*connection)
		before := c.cost()
		if c.measure(); before-c.cost() > before/2 {
			t.charge(c, c.cost()-before)
			s.list.MoveToBack(c.place)
			continue
		}
		t.counts.Evicted++
		t.charge(c, c.cost()-before)
		t.end(a, c)
	}
}

// The input of an analyzer is charged with fedCost times its size, since a short
// request becomes a large structure. After measureEvery bytes of charge the state
// is measured.
const (
	fedCost      = 4
	measureEvery = 256 << 10
)

// measure replaces the charge for input by what the analyzer's state holds.
func (c *connection) measure() { c.measured, c.fed = sizeOf(c.data), 0 }

// largest returns the share that holds most, nil if there is no connection.
func (t *connections) largest() (most *portion) {
	for _, s := range t.shares {
		if s.list.Len() > 0 && (most == nil || s.held > most.held) {
			most = s
		}
	}
	return most
}
