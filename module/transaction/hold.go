package transaction

import (
	"sync/atomic"
	"time"
)

// releaseInterval is how often held events are looked at.
const releaseInterval = 200 * time.Millisecond

// holder keeps the events of clients that the inventory does not know yet.
type holder struct {
	events []heldReport
	n      atomic.Int64 // len(events), for other goroutines
}

type heldReport struct {
	report
	until time.Time
}

// publishOrHold publishes an event unless it is better held back.
func (p *publisher) publishOrHold(r *report) {
	mayHold := p.cfg.hold > 0 && len(p.held.events) < maxWaiting
	if !p.publish(r, mayHold) {
		p.held.events = append(p.held.events, heldReport{*r, time.Now().Add(p.cfg.hold)})
		p.held.n.Store(int64(len(p.held.events)))
	}
}

// releaseHeld publishes the held events whose qube is known by now or whose time is
// over.
func (p *publisher) releaseHeld(now time.Time) {
	p.release(func(h *heldReport) bool { return !now.After(h.until) })
}

// releaseAll publishes all held events.
func (p *publisher) releaseAll() { p.release(func(*heldReport) bool { return false }) }

func (p *publisher) release(mayHold func(*heldReport) bool) {
	kept := p.held.events[:0]
	for i := range p.held.events {
		h := &p.held.events[i]
		if !p.publish(&h.report, mayHold(h)) {
			kept = append(kept, *h)
		}
	}
	clear(p.held.events[len(kept):])
	p.held.events = kept
	p.held.n.Store(int64(len(kept)))
}
