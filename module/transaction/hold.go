package transaction

import (
	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// newHold returns what keeps the events of clients that the inventory does not know
// yet.
func (p *publisher) newHold() *hold.Hold[report] {
	return hold.New(hold.Config[report]{For: p.cfg.hold, Max: maxWaiting, Class: func(r *report) share.Class { return r.class },
		Retry: func(r *report, last bool) bool { return p.publish(r, !last) }})
}

// publishOrHold publishes an event unless it is better held back.
func (p *publisher) publishOrHold(r *report) {
	if !p.publish(r, p.cfg.hold > 0) && !p.held.Add(*r) {
		p.publish(r, false)
	}
}
