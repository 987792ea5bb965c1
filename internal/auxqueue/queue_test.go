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
