package publish

import (
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// ackCounter counts what is on its way to the output.
type ackCounter struct {
	accepted, acked, dropped, filtered atomic.Uint64
}

var (
	_ beat.EventListener  = (*ackCounter)(nil) // type check
	_ beat.ClientListener = (*ackCounter)(nil) // type check
)

// AddEvent implements beat.EventListener.
func (a *ackCounter) AddEvent(beat.Event, bool) {}

// ACKEvents implements beat.EventListener.
func (a *ackCounter) ACKEvents(n int) { a.acked.Add(uint64(n)) }

// ClientClosed implements beat.EventListener.
func (a *ackCounter) ClientClosed() {}

// Closing implements beat.ClientListener.
func (a *ackCounter) Closing() {}

// Closed implements beat.ClientListener.
func (a *ackCounter) Closed() {}

// NewEvent implements beat.ClientListener.
func (a *ackCounter) NewEvent() {}

// Filtered implements beat.ClientListener: a processor of the user dropped it.
func (a *ackCounter) Filtered() { a.filtered.Add(1) }

// Published implements beat.ClientListener.
func (a *ackCounter) Published() { a.accepted.Add(1) }

// DroppedOnPublish implements beat.ClientListener: the queue was closed.
func (a *ackCounter) DroppedOnPublish(beat.Event) { a.dropped.Add(1) }

// Delivery returns the counters.
func (a *ackCounter) Delivery() event.Delivery {
	acked := a.acked.Load() // first, so that the difference is never negative
	return event.Delivery{Acked: acked, Pending: max(a.accepted.Load(), acked) - acked,
		Filtered: a.filtered.Load(), Dropped: a.dropped.Load()}
}

// wait waits until the output has everything, or until nothing has been
// acknowledged for ackTimeout: then what is left waits for a full batch, and closing
// the queue will send it. It gives up when stop is closed.
func (a *ackCounter) wait(ackTimeout time.Duration, stop <-chan struct{}) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	moved, last := time.Now(), a.acked.Load()
	for a.Delivery().Pending > 0 {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		if n := a.acked.Load(); n != last {
			moved, last = time.Now(), n
		} else if time.Since(moved) > ackTimeout {
			return
		}
	}
}
