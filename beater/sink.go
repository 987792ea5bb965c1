package beater

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// sink publishes documents into libbeat's pipeline. Final events are sent until
// the output has them, interim ones as often as the output's settings say. It
// is safe for concurrent use.
type sink struct {
	final, interim beat.Client
	plain          bool
}

var _ event.Sink = (*sink)(nil) // type check

// newSink connects to the pipeline.
func newSink(pipeline beat.Pipeline, processing func() (beat.ProcessingConfig, error), plain bool, acks *ackCounter) (*sink, error) {
	s := &sink{plain: plain}
	for _, c := range []struct {
		client *beat.Client
		mode   beat.PublishMode
	}{{&s.final, beat.GuaranteedSend}, {&s.interim, beat.DefaultGuarantees}} {
		p, err := processing()
		if err != nil {
			return nil, err
		}
		*c.client, err = pipeline.ConnectWith(beat.ClientConfig{PublishMode: c.mode, Processing: p,
			EventListener: acks, ClientListener: acks})
		if err != nil {
			return nil, fmt.Errorf("connecting to the publisher: %w", err)
		}
	}
	return s, nil
}

// Publish implements [event.Sink]. It blocks while libbeat's queue is full.
func (s *sink) Publish(d event.Document) {
	client := s.interim
	if d.Final() {
		client = s.final
	}
	e := beat.Event{Timestamp: d.Time()}
	if s.plain {
		e.Fields = mapstr.M{documentField: d}
	} else {
		e.Fields = event.ToMap(d)
	}
	client.Publish(e)
}

// Close disconnects. A Publish that waits for room in libbeat's queue goes on
// waiting: see run.abortAt.
func (s *sink) Close() {
	_ = s.final.Close()
	_ = s.interim.Close()
}

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

// pending returns how many events the output does not have yet.
func (a *ackCounter) pending() uint64 {
	acked := a.acked.Load() // first, so that the difference is never negative
	return max(a.accepted.Load(), acked) - acked
}

// missing returns how many events did not get through, as of the end.
func (a *ackCounter) missing() uint64 { return a.pending() + a.dropped.Load() }

// wait waits until the output has everything, or until nothing has moved for
// patience: then what is left waits for a full batch, and closing the queue will
// send it. It gives up when stop is closed.
func (a *ackCounter) wait(patience time.Duration, stop <-chan struct{}) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	moved, last := time.Now(), a.acked.Load()
	for a.pending() > 0 {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		if n := a.acked.Load(); n != last {
			moved, last = time.Now(), n
		} else if time.Since(moved) > patience {
			return
		}
	}
}
