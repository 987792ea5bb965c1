package resolver

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// offSwitch remembers for whom blocking is off, and until when.
type offSwitch struct {
	mu   sync.Mutex
	list []Pause // guarded by mu
}

// Pause is a time without blocking.
type Pause struct {
	Lists []string // none: all
	Qube  string   // "": all
	Until time.Time
}

// forever is when a pause without an end ends.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Pause turns blocking off, for lists or for a qube or altogether. A time of 0
// means until it is turned on again.
func (s *Resolver) Pause(lists []string, qube string, d time.Duration) error {
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
		until = time.Now().Add(d)
	}
	s.off.mu.Lock()
	s.off.list = append(s.off.list, Pause{lists, qube, until})
	s.off.mu.Unlock()
	s.Renew()
	return nil
}

// Unpause turns blocking on again, everywhere.
func (s *Resolver) Unpause() {
	s.off.mu.Lock()
	s.off.list = nil
	s.off.mu.Unlock()
	s.Renew()
}

// Pauses returns what is off.
func (s *Resolver) Pauses() []Pause {
	s.off.mu.Lock()
	defer s.off.mu.Unlock()
	return slices.Clone(s.off.list)
}

// expired forgets what is over and reports whether there was any.
func (o *offSwitch) expired() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.list)
	now := time.Now()
	o.list = slices.DeleteFunc(o.list, func(p Pause) bool { return !now.Before(p.Until) })
	return len(o.list) != before
}

// lookup returns what a snapshot asks, nil where nothing is off.
func (o *offSwitch) lookup() func(list, qube string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.list) == 0 {
		return nil
	}
	off := slices.Clone(o.list)
	return func(list, qube string) bool {
		return slices.ContainsFunc(off, func(p Pause) bool {
			return (p.Qube == "" || p.Qube == qube) && (len(p.Lists) == 0 || slices.Contains(p.Lists, list))
		})
	}
}
