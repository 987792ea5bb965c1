package transaction

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
	"github.com/qubesbeat/qubesbeat/module/transaction/mapping"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// publisherConfig holds the settings of a publisher.
type publisherConfig struct {
	deps Deps
	// hold is how long the event of a client that the inventory does not know is held
	// back; 0 means not at all.
	hold time.Duration
	// setDirection replaces packetbeat's network.direction by that of the qubes.
	setDirection bool
	// blocking makes the analyzers wait if the output does, as a replay can.
	blocking bool
}

// publisher adds the qubes to the events of the analyzers and passes them to
// libbeat's pipeline. take may be called from any goroutine; it waits only if the
// publisher is blocking, and otherwise drops what finds no room.
type publisher struct {
	cfg     publisherConfig
	clients map[int]beat.Client // by section
	events  chan report
	stop    chan struct{}      // closed by finish: publish what is left
	done    chan struct{}      // closed when run has returned
	held    *hold.Hold[report] // belongs to run
	guard   *guard.Part        // may be nil
	room    room               // what waits
	mapping *mapping.Table

	received, published, dropped, invalid, duplicates, summarized atomic.Uint64
	unknown, spoofed, misfits                                     atomic.Uint64
	sending                                                       atomic.Int32 // 1 while the pipeline has an event
}

func newPublisher(cfg publisherConfig) *publisher {
	p := &publisher{cfg: cfg, guard: cfg.deps.Guard.Part("events/transactions"), clients: map[int]beat.Client{},
		events: make(chan report, maxWaiting), stop: make(chan struct{}), done: make(chan struct{}),
		mapping: mapping.New(), room: newRoom()}
	p.held = p.newHold()
	return p
}

// report is an event and what is known of where it was observed.
type report struct {
	event       beat.Event
	client      beat.Client
	observation enrich.Observation
	known       bool // observation is valid
	size        int  // bytes that are charged
	class       share.Class
}

// take queues an event of the analyzers. size is that of its encoding.
func (p *publisher) take(e *wire.Event, size int) {
	p.received.Add(1)
	client := p.clients[e.Section]
	if client == nil {
		p.invalid.Add(1)
		return
	}
	r := report{client: client, known: e.Known, size: size,
		event: beat.Event{Timestamp: time.Unix(0, e.Timestamp).UTC(), Fields: e.Fields}}
	if e.Known {
		r.observation = observationOf(e)
		r.class = share.Of(e.Iface, r.observation.Source)
	}
	if p.cfg.blocking {
		p.queueBlocking(r)
	} else {
		p.queue(r)
	}
}

// observationOf returns where an event was observed.
func observationOf(e *wire.Event) enrich.Observation {
	src, _ := netip.ParseAddr(e.Source) // no qube has the zero Addr
	dst, _ := netip.ParseAddr(e.Dest)
	return enrich.Observation{Iface: e.Iface, FromSource: packet.Direction(e.From % 3), Source: src, Destination: dst,
		SourceSent: true, DestSent: true, At: time.Unix(0, e.Timestamp)}
}

// queueBlocking waits for room. The shares need no bound: the process of the
// analyzers waits, too.
func (p *publisher) queueBlocking(r report) {
	select {
	case p.events <- r:
	case <-p.done:
		p.dropped.Add(1)
	}
}

// queue drops the event if its interface has no room.
func (p *publisher) queue(r report) {
	if !p.room.take(r.class, r.size) {
		p.dropped.Add(1)
		return
	}
	p.events <- r // has a place for each that has room
}

// run publishes until finish is called, and then what is left.
func (p *publisher) run() {
	defer close(p.done)
	check, flush := p.held.Check, p.held.Flush
	for stopped := false; !stopped; {
		select {
		case r := <-p.events:
			p.guardEvent(&r)
		case <-p.held.C():
		case <-p.stop:
			stopped = true
		}
		p.guardHeld(check) // which events that keep coming must not put off
	}
	for {
		select {
		case r := <-p.events:
			p.guardEvent(&r)
		default:
			for p.guardHeld(flush) { // again for what is left after a panic
			}
			return
		}
	}
}

// guardEvent publishes or holds an event. After a panic, it counts as dropped.
func (p *publisher) guardEvent(r *report) {
	if p.guard.Do(func() []byte { return fmt.Append(nil, r.event.Fields) }, func() { p.publishOrHold(r) }) != nil {
		p.dropped.Add(1)
	}
}

// guardHeld publishes held events and reports whether there was a panic: the event
// that it was at then counts as dropped.
func (p *publisher) guardHeld(publish func()) (panicked bool) {
	panicked = errors.Is(p.guard.Do(nil, publish), guard.ErrPanic)
	if panicked {
		p.dropped.Add(1)
	}
	return panicked
}

// finish waits until everything that was taken is with the pipeline. It must be
// called once, after the analyzers have ended.
func (p *publisher) finish() {
	close(p.stop)
	<-p.done
}

// close closes the clients of the pipeline.
func (p *publisher) close() {
	for _, c := range p.clients {
		_ = c.Close()
	}
}

// publish completes an event and passes it to the pipeline. It reports false, and
// does nothing, if mayHold is set and a later inventory may still name the client.
func (p *publisher) publish(r *report, mayHold bool) bool {
	d := document{observation: r.observation, setDirection: p.cfg.setDirection}
	if r.known {
		d.parties = p.cfg.deps.Enricher.Parties(r.observation)
	}
	if mayHold && d.parties.Uncertain() {
		return false
	}
	if !p.cfg.blocking {
		p.room.give(r.class, r.size)
	}
	if p.isDuplicate(&r.event) {
		p.duplicates.Add(1)
		return true
	}
	if admit := p.cfg.deps.Admit; admit != nil && !admit(r.account(&d.parties)) {
		p.summarized.Add(1)
		return true
	}
	identify(&r.event, p.cfg.deps.Sensor)
	p.misfits.Add(uint64(p.mapping.Fit(r.event.Fields)))
	if r.known {
		d.addTo(&r.event, p.cfg.deps.Sensor)
	}
	p.countAttribution(&d.parties)
	p.sending.Store(1)
	r.client.Publish(r.event)
	p.published.Add(1)
	p.sending.Store(0)
	return true
}

// isDuplicate reports whether the resolver logs the query of an event itself.
func (p *publisher) isDuplicate(e *beat.Event) bool {
	if e.Fields["type"] != "dns" || p.cfg.deps.DNS == nil {
		return false
	}
	a, ok := answerOf(e)
	return ok && p.cfg.deps.DNS(a)
}
