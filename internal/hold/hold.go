package hold

import (
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Config holds the settings of a [Hold].
type Config[T any] struct {
	// For is how long an item is held at most. If it is not positive, nothing is
	// held.
	For time.Duration
	// Max bounds what is held: the sum of the sizes of the items.
	Max int
	// Size returns the size of an item, such as its bytes; nil means 1 for each. It
	// is called once for each item.
	Size func(item *T) int
	// Class returns whose an item is. A class may hold no more than it leaves free, so
	// that the names of others are still waited for while one qube floods: see
	// [share.Pool]. If it is nil, all items share the Hold.
	Class func(item *T) share.Class
	// Every is the time between two attempts while items are held. 0 means 200 ms:
	// short for who looks at the events, long for the processor.
	Every time.Duration
	// Retry tries to pass an item on and reports whether it did. If last is set,
	// it must: the item is forgotten. It must not add items. If it panics, its item is
	// forgotten, too, and the others stay.
	Retry func(item *T, last bool) (done bool)
}

// Stats counts items. Those that Add did not take are no longer the Hold's.
type Stats struct {
	Held     uint64 // now
	TimedOut uint64 // passed on because their time was over
	Refused  uint64 // not taken because there was no room
}

// Hold holds items in the order in which they were added. It is not safe for
// concurrent use, except for [Hold.Stats].
type Hold[T any] struct {
	conf  Config[T]
	items []held[T]
	room  *share.Pool[share.Class]
	next  time.Time   // of Check, zero while nothing is held
	timer *time.Timer // of C, nil before the first use
	armed time.Time   // what timer is set to, zero if it is not

	holding, timedOut, refused atomic.Uint64
}

type held[T any] struct {
	item  T
	until time.Time
	class share.Class
	size  int
}

// defaultEvery is the default of [Config].Every.
const defaultEvery = 200 * time.Millisecond

// New returns an empty Hold.
func New[T any](conf Config[T]) *Hold[T] {
	if conf.Every <= 0 {
		conf.Every = defaultEvery
	}
	return &Hold[T]{conf: conf, room: share.NewPool[share.Class](conf.Max)}
}

// Add holds an item. It reports false if the item is to be passed on at once,
// because nothing is to be held or because there is no room; only the latter is
// counted.
func (h *Hold[T]) Add(item T) bool {
	if h.conf.For <= 0 {
		return false
	}
	now := time.Now()
	one := held[T]{item: item, until: now.Add(h.conf.For)}
	if !h.take(&one) {
		h.refused.Add(1)
		return false
	}
	h.items = append(h.items, one)
	h.holding.Store(uint64(len(h.items)))
	if len(h.items) == 1 {
		h.schedule(now)
	}
	return true
}

// take takes room for an item.
func (h *Hold[T]) take(one *held[T]) bool {
	one.size = 1
	if h.conf.Size != nil {
		one.size = h.conf.Size(&one.item)
	}
	if h.conf.Class == nil {
		if h.room.Used()+one.size > h.room.Limit() {
			return false
		}
		h.room.Add(0, one.size)
		return true
	}
	one.class = h.conf.Class(&one.item)
	return h.room.Take(one.class, one.size)
}

// Next returns when Check is due: the zero time while nothing is held.
func (h *Hold[T]) Next() time.Time { return h.next }

// C returns a channel that delivers when Check is due, for one select statement. It
// is nil, and blocks forever, while nothing is held.
func (h *Hold[T]) C() <-chan time.Time {
	switch {
	case h.next.IsZero():
		h.disarm()
		return nil
	case h.timer == nil:
		h.timer = time.NewTimer(time.Until(h.next))
	case h.armed != h.next:
		h.timer.Reset(time.Until(h.next))
	}
	h.armed = h.next
	return h.timer.C
}

func (h *Hold[T]) disarm() {
	if h.timer != nil {
		h.timer.Stop()
		h.armed = time.Time{}
	}
}

// Check tries the items again if that is due. It costs next to nothing otherwise,
// and may be called as often as the user likes.
func (h *Hold[T]) Check() {
	if h.next.IsZero() {
		return
	}
	if now := time.Now(); !now.Before(h.next) {
		h.retry(now, false)
	}
}

// Retry tries the items again at once, as when the inventory has changed.
func (h *Hold[T]) Retry() { h.retry(time.Now(), false) }

// Flush passes all items on.
func (h *Hold[T]) Flush() { h.retry(time.Now(), true) }

func (h *Hold[T]) retry(now time.Time, all bool) {
	tried, kept := 0, 0
	defer func() { // also after a panic of Config.Retry
		kept += copy(h.items[kept:], h.items[tried:])
		clear(h.items[kept:])
		h.items = h.items[:kept]
		h.holding.Store(uint64(kept))
		h.schedule(now)
	}()
	for tried < len(h.items) {
		item := &h.items[tried]
		tried++
		over := !now.Before(item.until)
		h.room.Give(item.class, item.size)
		if !h.conf.Retry(&item.item, all || over) && !all && !over {
			h.room.Add(item.class, item.size)
			h.items[kept] = *item
			kept++
		} else if over && !all {
			h.timedOut.Add(1)
		}
	}
}

// schedule sets the time of the next attempt: the first item is the first whose
// time is over.
func (h *Hold[T]) schedule(now time.Time) {
	h.next = time.Time{}
	if len(h.items) == 0 {
		return
	}
	h.next = now.Add(h.conf.Every)
	if until := h.items[0].until; until.Before(h.next) {
		h.next = until
	}
}

// Stats returns the counters. It is safe for concurrent use.
func (h *Hold[T]) Stats() Stats {
	return Stats{Held: h.holding.Load(), TimedOut: h.timedOut.Load(), Refused: h.refused.Load()}
}
