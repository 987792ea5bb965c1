package resolver

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// live is all that queries are decided by, at one moment. A query keeps the one
// under which it came.
type live struct {
	*dnspolicy.Snapshot
	*Rules
	// generation numbers the rules. It is part of cache keys: the upstreams of other
	// rules may give other answers.
	generation uint16
}

// Update makes a new snapshot, because the inventory or the time has changed.
func (s *Resolver) Update() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updateLocked()
}

func (s *Resolver) updateLocked() {
	s.version++
	st := dnspolicy.State{Version: s.version, Table: s.table, Now: s.conf.Clock(), Pauses: s.pauses.all(), Seed: s.secret}
	if s.conf.Qubes != nil {
		st.Qubes = s.conf.Qubes()
	}
	s.live.Store(&live{Snapshot: s.rules.Policy.New(st), Rules: s.rules, generation: s.generation})
}

// useTable replaces the table of list rules, unless it was made for other rules
// than the current ones. t may be nil, which changes nothing.
func (s *Resolver) useTable(of *Rules, t *blocklist.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t == nil || s.rules != of {
		return
	}
	s.table = t
	s.updateLocked()
	s.conf.Released()
	s.conf.Logger.Info("lists loaded", "rules", t.Len())
}

// groups returns all upstreams.
func (c *Rules) groups() []*upstream.Group {
	all := slices.Clone(c.Groups)
	for i := range c.Zones {
		all = append(all, c.Zones[i].Group)
	}
	return all
}
