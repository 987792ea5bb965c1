package summary

import (
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/quota"
)

// outlet is an outlet with the quota in front of it.
type outlet struct {
	event.Outlet
	ledger     *quota.Ledger
	account    event.Account // of the document: one that escapes would be allocated
	summarized atomic.Uint64
}

var _ event.Outlet = (*outlet)(nil) // type check

// Publish implements [event.Sink].
func (o *outlet) Publish(d event.Document) {
	if c, ok := d.(event.Countable); ok {
		o.account = event.Account{}
		if c.Account(&o.account); !o.ledger.Admit(&o.account) {
			o.summarized.Add(1)
			return
		}
	}
	o.Outlet.Publish(d)
}

// Delivery implements [event.Outlet].
func (o *outlet) Delivery() event.Delivery {
	d := o.Outlet.Delivery()
	d.Summarized = o.summarized.Load()
	return d
}
