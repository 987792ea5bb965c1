package resolver

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// pauses are the times without blocking. It is safe for concurrent use.
type pauses struct {
	mu   sync.Mutex
	list []dnspolicy.Pause // guarded by mu
}

// forever is the end of a pause without one.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// PauseBlocking turns blocking off: for some lists, all if none is named, and for
// one qube, all if it is "". A duration of 0 lasts until ResumeBlocking.
func (s *Resolver) PauseBlocking(lists []string, qube string, d time.Duration) error {
	for _, l := range lists {
		if !slices.ContainsFunc(s.live.Load().Policy.Lists, func(have dnspolicy.List) bool { return have.Name == l }) {
			return fmt.Errorf("there is no list %q", l)
		}
	}
	if qube != "" && s.live.Load().ByName(qube) == nil {
		return fmt.Errorf("the inventory has no qube %q", qube)
	}
	until := forever
	if d > 0 {
		until = s.conf.Clock().Add(d)
	}
	s.pauses.add(dnspolicy.Pause{Lists: lists, Qube: qube, Until: until})
	s.Update()
	s.chores.changed()
	return nil
}

// ResumeBlocking ends all pauses.
func (s *Resolver) ResumeBlocking() {
	s.pauses.clear()
	s.Update()
}

// BlockingPauses returns the pauses that have not ended.
func (s *Resolver) BlockingPauses() []dnspolicy.Pause { return s.pauses.all() }

func (p *pauses) add(one dnspolicy.Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, one)
}

func (p *pauses) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = nil
}

// all returns a copy.
func (p *pauses) all() []dnspolicy.Pause {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// next returns the time at which the first pause ends, false if none does.
func (p *pauses) next() (until time.Time, ok bool) {
	for _, one := range p.all() {
		if !one.Until.Equal(forever) && (!ok || one.Until.Before(until)) {
			until, ok = one.Until, true
		}
	}
	return until, ok
}

// expire removes the pauses that have ended and reports whether there were any.
func (p *pauses) expire(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.list)
	p.list = slices.DeleteFunc(p.list, func(one dnspolicy.Pause) bool { return !now.Before(one.Until) })
	return len(p.list) != before
}
