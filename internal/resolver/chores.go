package resolver

import (
	"context"
	"sync/atomic"
	"time"
)

// Intervals of chores.
const (
	reportAfter   = time.Second      // from the first dropped query to the report
	scheduleEvery = 20 * time.Second // schedules have no seconds, and the clock may be set
)

// chores is what a resolver does at some later time: it reports dropped queries,
// ends pauses and follows schedules. There is no timer if there is nothing to do.
type chores struct {
	wake     chan struct{} // capacity 1: there may be something to wait for
	reportAt atomic.Int64  // nanoseconds since the Unix epoch by the machine's clock, 0 for no report
	// scheduleAt is when schedules are looked at. Only runChores uses it.
	scheduleAt time.Time
}

// reportSoon asks for a report. All but the first call before it cost one load.
func (s *Resolver) reportSoon() {
	if s.chores.reportAt.Load() == 0 && s.chores.reportAt.CompareAndSwap(0, time.Now().Add(reportAfter).UnixNano()) {
		s.chores.changed()
	}
}

// changed lets the time of the next chore be looked at again.
func (c *chores) changed() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// runChores does what is due until ctx ends.
func (s *Resolver) runChores(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		if d, ok := s.nextChore(); ok {
			timer.Reset(d)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.chores.wake:
		case <-timer.C:
			s.doChores()
		}
	}
}

// nextChore returns the time until the next chore; ok is false if there is none.
func (s *Resolver) nextChore() (d time.Duration, ok bool) {
	d = 1<<63 - 1
	if at := s.chores.reportAt.Load(); at != 0 {
		d, ok = min(d, reportAfter, time.Until(time.Unix(0, at))), true // the clock may have been set back
	}
	if until, some := s.pauses.next(); some {
		d, ok = min(d, until.Sub(s.conf.Clock())), true
	}
	if len(s.live.Load().Policy.Schedules) > 0 {
		d, ok = min(d, time.Until(s.chores.scheduleAt)), true
	}
	return max(d, 0), ok
}

func (s *Resolver) doChores() {
	now := time.Now()
	if at := s.chores.reportAt.Load(); at != 0 && now.UnixNano() >= at {
		s.reportDropped()
	}
	update := s.pauses.expire(s.conf.Clock())
	if len(s.live.Load().Policy.Schedules) > 0 && !now.Before(s.chores.scheduleAt) {
		update, s.chores.scheduleAt = true, now.Add(scheduleEvery)
	}
	if update {
		s.Update()
	}
}
