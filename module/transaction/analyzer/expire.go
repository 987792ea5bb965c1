package analyzer

import "time"

// expireInterval is how often idle connections are searched for, in packet time.
const expireInterval = time.Second

// expire skips gaps that nothing has filled and ends idle connections.
func (t *connections) expire(a *analyzers) {
	for c := range t.gaps {
		before := c.cost()
		for dir := range c.streams {
			c.streams[dir].Advance(t.now, &stream{a, c, uint8(dir)})
		}
		t.charge(c, c.cost()-before)
		t.noteGap(c)
	}
	if past := t.now - t.expired; past >= 0 && past < int64(expireInterval) {
		return
	}
	t.expired = t.now
	for iface, s := range t.shares {
		t.expireShare(a, s)
		if s.list.Len() == 0 {
			delete(t.shares, iface)
		}
	}
}

// expireShare ends the idle connections of one interface. The search ends at the
// first connection that has been idle for less than expireInterval: those behind
// it were used later.
func (t *connections) expireShare(a *analyzers, s *portion) {
	for e := s.list.Front(); e != nil; {
		c := e.Value.(*connection)
		c.lastSeen = min(c.lastSeen, t.now) // the clock may have been set back
		e = e.Next()
		switch {
		case c.idle(t.now):
			t.end(a, c)
		case t.now-c.lastSeen <= int64(expireInterval):
			return
		}
	}
}

// noteGap remembers whether the connection misses a segment, for expire.
func (t *connections) noteGap(c *connection) {
	if c.hasGap() {
		t.gaps[c] = true
	} else if len(t.gaps) > 0 {
		delete(t.gaps, c)
	}
}
