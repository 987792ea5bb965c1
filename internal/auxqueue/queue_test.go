package auxqueue_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/qubesbeat/qubesbeat/internal/auxqueue"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// outlet counts what is published, and panics at nil.
type outlet struct{ published int }

// Publish implements [event.Sink].
func (o *outlet) Publish(d event.Document) {
	if d == nil {
		panic("nil")
	}
	o.published++
}

// Delivery implements [event.Outlet].
func (o *outlet) Delivery() event.Delivery { return event.Delivery{} }

// document is any document.
type document struct{ event.Document }

// TestQueue_Run_panic drops the document that causes a panic, and ends with an error
// after too many.
func TestQueue_Run_panic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		part := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)}).Part("events/other")
		o := new(outlet)
		q := auxqueue.New(o, part)
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { done <- q.Run(ctx) }()
		for _, d := range []event.Document{document{}, nil, document{}} {
			q.Publish(d)
		}
		synctest.Wait()
		if o.published != 2 || q.Undelivered() != 1 || part.Panics() != 1 {
			t.Errorf("published %d, dropped %d, %d panics; want 2, 1, 1", o.published, q.Undelivered(), part.Panics())
		}
		for range 99 {
			q.Publish(nil)
		}
		if err := <-done; !errors.Is(err, guard.ErrStopped) {
			t.Errorf("Run = %v; want %v", err, guard.ErrStopped)
		}
	})
}

// verdict is a document about a qube.
type verdict struct {
	event.Document
	event.Parties
}

// TestAttack03_events lets the verdicts of one interface leave room for those of
// another and for the program's own events, and loses nothing without counting it.
func TestAttack03_events(t *testing.T) {
	t.Parallel()
	o := new(outlet)
	q := auxqueue.New(o, nil)
	flood := &verdict{Parties: event.Parties{Interface: "vif6.0"}}
	for range 10_000 {
		q.Publish(flood)
	}
	lost := q.Undelivered()
	for range 50 {
		q.Publish(&verdict{Parties: event.Parties{Interface: "vif7.0"}})
		q.Publish(document{})
		q.Publish(flood)
		lost++
	}
	if got := q.Undelivered(); got != lost {
		t.Errorf("%d events of the quiet ones are dropped", got-lost)
	}
	q.PublishLast(document{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Run(ctx); err != nil || uint64(o.published)+q.Undelivered() != 10_151 {
		t.Errorf("Run = %v; %d published and %d dropped; want 10,151 in all", err, o.published, q.Undelivered())
	}
	for range 2 { // the room is free again
		for range 900 {
			q.Publish(flood)
		}
		_ = q.Run(ctx)
	}
	if got := q.Undelivered(); got != lost {
		t.Errorf("%d events are dropped from an empty queue", got-lost)
	}
}
