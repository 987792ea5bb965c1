package dns

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// coalescer counts queries that are equal but for their time in one event. It is
// not safe for concurrent use, except for merged.
type coalescer struct {
	span   time.Duration // between the first query of an event and its end; 0: nothing is coalesced
	open   map[coalesceKey]*Document
	order  []coalescing // of open, in the order of their ends
	next   time.Time    // of release, zero while nothing is open
	merged atomic.Uint64
}

// coalesceKey is what queries have in common that one event stands for.
type coalesceKey struct {
	client netip.Addr
	name   string
	kind   dnsmsg.Type
	action dnsevent.Action
	rcode  dnsmsg.RCode
}

type coalescing struct {
	key coalesceKey
	end time.Time
}

func newCoalescer(span time.Duration) *coalescer {
	return &coalescer{span: span, open: map[coalesceKey]*Document{}}
}

// add counts a query in the event of an equal one, or opens an event with it. It
// reports false if nothing is to be coalesced, or there is no room.
func (c *coalescer) add(d *Document) bool {
	if c.span <= 0 {
		return false
	}
	key := coalesceKey{d.Client, d.Question(), d.Entry.Type, d.Action, d.RCode}
	if first := c.open[key]; first != nil {
		first.Count += d.Count
		c.merged.Add(uint64(d.Count))
		return true
	}
	if len(c.open) >= maxWaiting {
		return false
	}
	now := time.Now()
	c.open[key] = d
	c.order = append(c.order, coalescing{key, now.Add(c.span)})
	if c.next.IsZero() {
		c.schedule(now)
	}
	return true
}

// release passes on the events whose span is over, or all of them.
func (c *coalescer) release(now time.Time, all bool, pass func(*Document)) {
	if !all && (c.next.IsZero() || now.Before(c.next)) {
		return
	}
	defer c.schedule(now) // also after a panic of pass, whose event is forgotten
	for len(c.order) > 0 && (all || !now.Before(c.order[0].end)) {
		key := c.order[0].key
		c.order[0] = coalescing{}
		c.order = c.order[1:]
		d := c.open[key]
		delete(c.open, key)
		pass(d)
	}
}

// schedule sets the time of the next release. Events whose spans end within
// writerLag go together.
func (c *coalescer) schedule(now time.Time) {
	c.next = time.Time{}
	if len(c.order) > 0 {
		c.next = later(c.order[0].end, now.Add(writerLag))
	}
}
