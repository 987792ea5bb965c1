package resolver

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// live is everything that a query is decided by, at one moment: a query that began
// under one configuration ends under it.
type live struct {
	*dnspolicy.Snapshot
	*Rules
	// generation is the number of the configuration. Answers are kept by it: the
	// groups of another one are others.
	generation uint16
}

// Renew makes a new snapshot: the inventory, a list or the time has changed.
func (s *Resolver) Renew() {
	s.renew.Lock()
	defer s.renew.Unlock()
	s.renewLocked()
}

func (s *Resolver) renewLocked() {
	st := dnspolicy.State{Table: s.table, Now: time.Now(), Off: s.off.lookup()}
	if s.conf.Qubes != nil {
		st.Qubes = s.conf.Qubes()
	}
	s.live.Store(&live{Snapshot: s.rules.Policy.New(st), Rules: s.rules, generation: s.generation})
}

// useTable puts a new table in force, unless its lists are of a configuration that
// is gone.
func (s *Resolver) useTable(of *Rules, t *blocklist.Table) {
	s.renew.Lock()
	defer s.renew.Unlock()
	if t == nil || s.rules != of {
		return
	}
	s.table = t
	s.renewLocked()
	debug.FreeOSMemory() // of the table before and of what this one was made from
	s.conf.Logger.Info("lists in force", "rules", t.Len())
}

// load reads what is on disk of the lists.
func (c *Rules) load(ctx context.Context) (*blocklist.Table, error) {
	if c.Lists == nil {
		return nil, nil
	}
	t, err := c.Lists.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the lists: %w", err)
	}
	return t, nil
}

// RefreshLists fetches the lists anew and puts them in force. force takes over
// lists that have shrunk. The error tells which could not be had.
func (s *Resolver) RefreshLists(ctx context.Context, force bool) error {
	return s.refresh(ctx, s.live.Load().Rules, force)
}

func (s *Resolver) refresh(ctx context.Context, rules *Rules, force bool) error {
	if rules.Lists == nil {
		return nil
	}
	s.refreshing.Lock() // a table must not overtake a newer one
	defer s.refreshing.Unlock()
	if s.live.Load().Rules != rules {
		return nil // others are in force, and the copies on disk are theirs
	}
	t, err := rules.Lists.Refresh(ctx, force)
	s.useTable(rules, t)
	return err
}

// followLists refreshes the lists of the configuration in force, until ctx ends or
// another one is.
func (s *Resolver) followLists(ctx context.Context) {
	s.renew.Lock()
	defer s.renew.Unlock()
	s.stopLists()
	if s.ctx.Err() != nil || s.rules.Lists == nil {
		return // the resolver ends, and waits for nobody new
	}
	rules := s.rules
	ctx, s.stopLists = context.WithCancel(ctx)
	s.working.Go(func() {
		rules.Lists.Run(ctx, func(ctx context.Context) {
			if err := s.refresh(ctx, rules, false); err != nil && ctx.Err() == nil {
				s.conf.Logger.Warn("a list was not refreshed; what it said last stays in force", "error", err.Error())
			}
		})
	})
}

// Reload puts other rules in force. Queries under way end under the old ones. Where
// the lists cannot be loaded, nothing changes.
func (s *Resolver) Reload(rules Rules) error {
	s.refreshing.Lock() // nobody else touches the copies of the lists meanwhile
	defer s.refreshing.Unlock()
	t, err := rules.load(s.ctx)
	if err != nil {
		return err
	}
	s.renew.Lock()
	old := s.live.Load()
	s.rules, s.table = &rules, t
	s.generation++
	s.renewLocked()
	s.renew.Unlock()
	s.followLists(s.ctx)
	time.AfterFunc(2*s.conf.Limits.Budget, func() {
		for _, g := range old.groups() {
			g.Close()
		}
	})
	s.conf.Logger.Info("rules in force", "rules", len(rules.Policy.Rules), "lists", len(rules.Policy.Lists))
	return nil
}
