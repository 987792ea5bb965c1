package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// PublisherConfig holds the settings of a [Publisher]. Queue, Enrich, Sink and
// NewDocument must not be nil.
type PublisherConfig struct {
	// Guard recovers from panics at one record. It may be nil.
	Guard  *guard.Part
	Queue  *Queue
	Enrich *enrich.Enricher
	Sink   event.Sink
	// NewDocument makes an empty document and returns the flow inside, to be
	// filled: one allocation for both.
	NewDocument func() (event.Document, *event.Flow)
	// Hello returns the ClientHello of a flow, nil if it is not known. It may be
	// nil.
	Hello func(r *flow.Record) *clienthello.Hello
	// Processes fills the processes of a flow. It may be nil.
	Processes func(f *event.Flow)
	// Names fills in the domain names of a flow whose qubes are known. It may be
	// nil.
	Names func(f *event.Flow)
	// Hold is how long the flow of a client that is not in the inventory yet is
	// held back, in wall-clock time: dom0's push may come after the first packets
	// of a disposable. 0 means not at all.
	Hold time.Duration
}

// Publisher takes records from the queue, finds the qubes behind them and
// publishes them.
type Publisher struct {
	cfg       PublisherConfig
	held      *hold.Hold[heldFlow]
	published atomic.Uint64
	unknown   atomic.Uint64
	spoofed   atomic.Uint64
	lost      atomic.Uint64
}

type heldFlow struct {
	record flow.Record
	hello  *clienthello.Hello
}

// maxHeld bounds the flows that are held back, in bytes; more are published at once,
// as unknown. heldSize is what one takes at least: 8,192 of them fit, half of which
// one interface may fill.
const (
	heldSize = 512
	maxHeld  = 8192 * heldSize
)

// size returns the bytes that a flow takes while it is held back.
func (h *heldFlow) size() int { return heldSize + h.hello.TextSize() }

// NewPublisher returns a publisher.
func NewPublisher(cfg PublisherConfig) *Publisher {
	p := &Publisher{cfg: cfg}
	p.held = hold.New(hold.Config[heldFlow]{For: cfg.Hold, Max: maxHeld, Retry: p.retry, Size: (*heldFlow).size,
		Class: func(h *heldFlow) share.Class { return share.Class(h.record.Iface) }})
	return p
}

// PublisherStats counts what a publisher has sent on.
type PublisherStats struct {
	Published, Unknown, Spoofed uint64
	Held                        uint64 // held back now
	Lost                        uint64 // by a panic
}

// Stats returns the counters. It is safe for concurrent use.
func (p *Publisher) Stats() PublisherStats {
	return PublisherStats{p.published.Load(), p.unknown.Load(), p.spoofed.Load(), p.held.Stats().Held, p.lost.Load()}
}

// publishBatch is how many records are taken from the queue at once: enough that
// its lock does not count, few enough that they stay in the processor's cache.
const publishBatch = 256

// Run publishes until the queue is closed and empty. It ignores the end of ctx,
// for what is in the queue is still to be delivered. It returns an error if it
// panicked too often.
func (p *Publisher) Run(context.Context) error {
	batch := make([]flow.Record, publishBatch)
	for {
		due := p.held.Next()
		if p.cfg.Guard.Stopped() {
			due = time.Time{} // nothing is checked any more
		}
		n := p.cfg.Queue.PopUntil(batch, due)
		if n == 0 && p.cfg.Queue.Done() {
			break
		}
		for i := range batch[:n] {
			if p.cfg.Guard.Do(func() []byte { return describe(&batch[i]) }, func() { p.publish(&batch[i]) }) != nil {
				p.lost.Add(1)
			}
		}
		p.guardHeld(p.held.Check)
	}
	for p.guardHeld(p.held.Flush) { // again for what is left after a panic
	}
	return p.cfg.Guard.Err()
}

// describe returns what identifies a record, to be kept after a panic.
func describe(r *flow.Record) []byte {
	return fmt.Appendf(nil, "flow from %v port %d to %v port %d, protocol %d, interface %d", r.Source.Addr.Netip(r.Family), r.Source.Port,
		r.Destination.Addr.Netip(r.Family), r.Destination.Port, r.Proto, r.Iface)
}

// guardHeld publishes held flows and reports whether there was a panic: the flow that
// it was at then counts as lost.
func (p *Publisher) guardHeld(publish func()) (panicked bool) {
	panicked = errors.Is(p.cfg.Guard.Do(nil, publish), guard.ErrPanic)
	if panicked {
		p.lost.Add(1)
	}
	return panicked
}

// publish sends a record on, or holds it back.
func (p *Publisher) publish(r *flow.Record) {
	var hello *clienthello.Hello
	if p.cfg.Hello != nil {
		hello = p.cfg.Hello(r)
	}
	d, f := p.document(r, hello)
	if !f.Uncertain() || !p.held.Add(heldFlow{*r, hello}) {
		p.send(d, f)
	}
}

// retry sends a held flow on if its client is known by now, or if it must.
func (p *Publisher) retry(h *heldFlow, last bool) bool {
	d, f := p.document(&h.record, h.hello)
	if f.Uncertain() && !last {
		return false
	}
	p.send(d, f)
	return true
}

// document returns the document of a record, with the qubes that are known now.
func (p *Publisher) document(r *flow.Record, hello *clienthello.Hello) (event.Document, *event.Flow) {
	d, f := p.cfg.NewDocument()
	p.cfg.Enrich.Flow(r, f)
	f.Hello = hello
	return d, f
}

func (p *Publisher) send(d event.Document, f *event.Flow) {
	if p.cfg.Processes != nil {
		p.cfg.Processes(f)
	}
	if p.cfg.Names != nil {
		p.cfg.Names(f)
	}
	p.count(f)
	p.cfg.Sink.Publish(d)
	p.published.Add(1)
}

func (p *Publisher) count(f *event.Flow) {
	switch {
	case f.Attribution == event.Spoofed:
		p.spoofed.Add(1)
	case f.Uncertain():
		p.unknown.Add(1)
	}
}
