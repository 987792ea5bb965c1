package resolver

import (
	"context"
	"fmt"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// load reads the copies of the lists on disk.
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

// RefreshLists fetches the lists and uses the result. force accepts lists that
// have lost most of their rules. The error names the lists that failed; the others
// are refreshed nevertheless.
func (s *Resolver) RefreshLists(ctx context.Context, force bool) error {
	rules := s.live.Load().Rules
	return s.refresh(rules, func() (*blocklist.Table, error) { return rules.Lists.Refresh(ctx, force) })
}

// refresh uses the table that read returns, which reads lists of the rules again.
func (s *Resolver) refresh(rules *Rules, read func() (*blocklist.Table, error)) error {
	if rules.Lists == nil {
		return nil
	}
	s.refreshing.Lock() // an older table must not replace a newer one
	defer s.refreshing.Unlock()
	if s.live.Load().Rules != rules {
		return nil // the copies on disk belong to the new rules
	}
	t, err := read()
	s.useTable(rules, t)
	return err
}

// ListStatus returns the status of the sources of the lists, nil without lists.
func (s *Resolver) ListStatus() []lists.Status {
	c := s.live.Load()
	if c.Lists == nil {
		return nil
	}
	return c.Lists.Status()
}

// followLists refreshes the lists of the current rules until ctx ends or there are
// other rules.
func (s *Resolver) followLists(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopLists()
	if s.ctx.Err() != nil || s.rules.Lists == nil {
		return // Serve waits for what has been started, and must not miss anything
	}
	rules, lists := s.rules, s.conf.Guard.Part("resolver/lists")
	ctx, s.stopLists = context.WithCancel(ctx)
	guarded := func(ctx context.Context, read func() (*blocklist.Table, error)) {
		var err error
		if panicked := lists.Do(nil, func() { err = s.refresh(rules, read) }); panicked != nil {
			err = panicked
		}
		if err != nil && ctx.Err() == nil {
			s.conf.Logger.Warn("list not refreshed, keeping the previous one", "error", err.Error())
		}
	}
	s.working.Go(func() {
		rules.Lists.Run(ctx, func(ctx context.Context) {
			guarded(ctx, func() (*blocklist.Table, error) { return rules.Lists.Refresh(ctx, false) })
		}, func(ctx context.Context) {
			guarded(ctx, func() (*blocklist.Table, error) { return rules.Lists.RefreshFailed(ctx) })
		})
	})
}

// Reload replaces the rules. Queries under way keep the old ones. If the lists
// cannot be loaded, nothing changes.
func (s *Resolver) Reload(rules Rules) error {
	s.refreshing.Lock() // nothing else may touch the copies of the lists
	defer s.refreshing.Unlock()
	t, err := rules.load(s.ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.rules
	s.rules, s.table = &rules, t
	s.generation++
	s.updateLocked()
	s.retire(old)
	s.mu.Unlock()
	s.conf.Released()
	s.followLists(s.ctx)
	s.chores.changed()
	s.conf.Logger.Info("rules replaced", "rules", len(rules.Policy.Rules), "lists", len(rules.Policy.Lists))
	return nil
}

// retire closes the upstreams of rules once no query can be waiting for them. It is
// called with mu held.
func (s *Resolver) retire(rules *Rules) {
	if s.ctx.Err() != nil {
		rules.close()
		return
	}
	s.working.Go(func() {
		defer rules.close()
		timer := time.NewTimer(2 * s.conf.Limits.Budget)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.ctx.Done():
		}
	})
}

// close closes all upstreams.
func (c *Rules) close() {
	for _, g := range c.groups() {
		g.Close()
	}
}
