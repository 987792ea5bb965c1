package packetstore

import (
	"context"
	"fmt"
	"time"
)

// Rules are the settings of a [Store] that can change while it runs. They mean what they
// mean in a [Config].
type Rules struct {
	MaxBytes  int64
	MaxAge    time.Duration
	MinFree   int64
	FlowLimit int64
	Filter    string
}

// SetRules has rules apply: to packets at once, in segments that begin now, and to what is
// removed from then on. It waits until the open segments are sealed, so that no segment
// has packets of two filters. What Names and Limits return may have changed, too.
func (s *Store) SetRules(ctx context.Context, r *Rules) error {
	s.mu.Lock()
	s.conf.FlowLimit, s.conf.Filter = r.FlowLimit, r.Filter
	s.mu.Unlock()
	fault := errStopped
	err := s.ask(ctx, openOf(""), func() { fault = s.setBounds(r) })
	if err == nil {
		err = fault
	}
	if err != nil {
		return fmt.Errorf("changing the rules of the store: %w", err)
	}
	return nil
}

// setBounds sets what belongs to the writer.
func (s *Store) setBounds(r *Rules) error {
	s.conf.MaxBytes, s.conf.MaxAge = r.MaxBytes, r.MaxAge
	if s.conf.MinFree = r.MinFree; s.conf.MinFree <= 0 {
		s.conf.MinFree = defaultMinFree
	}
	s.w.stale = true // so that what is above the bounds is removed at the next look
	s.w.looked = clock{}
	return s.defaultBytes()
}
