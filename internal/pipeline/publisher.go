package pipeline

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// PublisherConfig holds the settings of a [Publisher]. All but Hold are
// required.
type PublisherConfig struct {
	Queue  *Queue
	Enrich *enrich.Enricher
	Sink   event.Sink
	// NewDocument makes an empty document and returns the flow inside, to be
	// filled: one allocation for both.
	NewDocument func() (event.Document, *event.Flow)
	// Hello returns what the client of a flow has said first, nil where that is
	// not known. It may be nil.
	Hello func(r *flow.Record) *clienthello.Hello
	// Processes fills the processes of a flow. It may be nil.
	Processes func(f *event.Flow)
	// Names fills what the DNS knows of a flow whose qubes are known. It may be nil.
	Names func(f *event.Flow)
	// Hold is how long the flow of a client that the inventory does not know
	// yet is held back, by the clock on the wall: dom0's push may come after the
	// first packets of a disposable. 0 means not at all.
	Hold time.Duration
}

// Publisher takes records from the queue, finds the qubes behind them and
// publishes them.
type Publisher struct {
	cfg       PublisherConfig
	held      []heldFlow
	lookedAt  time.Time
	published atomic.Uint64
	unknown   atomic.Uint64
	spoofed   atomic.Uint64
	holding   atomic.Int64
}

type heldFlow struct {
	record flow.Record
	hello  *clienthello.Hello
	until  time.Time
}

// maxHeld bounds the flows that are held back; more are published at once, as
// unknown.
const maxHeld = 4096

// wakeEvery is how often held flows are looked at.
const wakeEvery = 200 * time.Millisecond

// NewPublisher returns a publisher.
func NewPublisher(cfg PublisherConfig) *Publisher { return &Publisher{cfg: cfg} }

// PublisherStats counts what a publisher has sent on.
type PublisherStats struct {
	Published, Unknown, Spoofed uint64
	Held                        uint64 // held back now
}

// Stats returns the counters. It is safe for concurrent use.
func (p *Publisher) Stats() PublisherStats {
	return PublisherStats{p.published.Load(), p.unknown.Load(), p.spoofed.Load(), uint64(p.holding.Load())}
}

// Run publishes until the queue is closed and empty. It ignores the end of ctx,
// for what is in the queue is still to be delivered, and returns nil.
func (p *Publisher) Run(context.Context) error {
	stop := p.wakeQueue()
	defer stop()
	batch := make([]flow.Record, 256)
	for {
		n := p.cfg.Queue.Pop(batch)
		if n == 0 && p.cfg.Queue.Done() {
			break
		}
		for i := range batch[:n] {
			p.publish(&batch[i])
		}
		p.lookAtHeld()
	}
	p.release(time.Time{}, true)
	return nil
}

// wakeQueue lets Pop return now and then, so that held flows are looked at.
func (p *Publisher) wakeQueue() (stop func()) {
	if p.cfg.Hold == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(wakeEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				p.cfg.Queue.Wake()
			}
		}
	}()
	return func() { cancel(); <-done }
}

// publish sends a record on, or holds it back.
func (p *Publisher) publish(r *flow.Record) {
	mayHold := p.cfg.Hold > 0 && len(p.held) < maxHeld
	var hello *clienthello.Hello
	if p.cfg.Hello != nil {
		hello = p.cfg.Hello(r)
	}
	if !p.send(r, hello, mayHold) {
		p.held = append(p.held, heldFlow{record: *r, hello: hello, until: time.Now().Add(p.cfg.Hold)})
		p.holding.Store(int64(len(p.held)))
	}
}

// send sends a record on. It reports false, and has not, where the record may be
// held back and a push from dom0 may still name its client.
func (p *Publisher) send(r *flow.Record, hello *clienthello.Hello, mayHold bool) bool {
	d, f := p.cfg.NewDocument()
	p.cfg.Enrich.Flow(r, f)
	f.Hello = hello
	if mayHold && f.Uncertain() {
		return false
	}
	if p.cfg.Processes != nil {
		p.cfg.Processes(f)
	}
	if p.cfg.Names != nil {
		p.cfg.Names(f)
	}
	p.count(f)
	p.cfg.Sink.Publish(d)
	p.published.Add(1)
	return true
}

func (p *Publisher) count(f *event.Flow) {
	switch {
	case f.Attribution == event.Spoofed:
		p.spoofed.Add(1)
	case f.Uncertain():
		p.unknown.Add(1)
	}
}

// lookAtHeld looks at the held flows, not more often than they can matter.
func (p *Publisher) lookAtHeld() {
	if len(p.held) == 0 {
		return
	}
	if now := time.Now(); now.Sub(p.lookedAt) >= wakeEvery {
		p.lookedAt = now
		p.release(now, false)
	}
}

// release publishes the held flows whose qube is known by now or whose time is
// over; all of them at the end.
func (p *Publisher) release(now time.Time, all bool) {
	kept := p.held[:0]
	for i := range p.held {
		h := &p.held[i]
		if !p.send(&h.record, h.hello, !all && !now.After(h.until)) {
			kept = append(kept, *h)
		}
	}
	p.held = kept
	p.holding.Store(int64(len(kept)))
}
