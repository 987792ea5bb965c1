package transaction

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/processors"
	"github.com/elastic/beats/v7/packetbeat/pb"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
)

// PublisherConfig holds the settings of a [Publisher].
type PublisherConfig struct {
	// Connect opens a client of libbeat's pipeline; it must not be nil.
	Connect func(beat.ProcessingConfig) (beat.Client, error)
	// Enrich finds the qubes. Where it is nil, the event's Private field tells
	// where it was seen (an [enrich.Observation]), for another publisher.
	Enrich *enrich.Enricher
	// Completed tells that the events come from another publisher: only the qubes
	// are missing.
	Completed bool
	// Hold is how long the event of a client that the inventory does not know
	// yet is held back; 0 means not at all.
	Hold time.Duration
	// Local returns the addresses of this machine, as they are now; nil means
	// that none is known, as in a replay.
	Local func() []net.IP
	// InternalNetworks are packetbeat's interfaces.internal_networks.
	InternalNetworks []string
	// Direct sends an event in the goroutine that reports it, without Run: what was
	// reported has been sent, also where the process ends at the next packet.
	Direct bool
	// IgnoreOutgoing drops the events of this machine's own requests.
	IgnoreOutgoing bool
	// Strict leaves network.direction as packetbeat has it.
	Strict bool
	// DNS sees the events of the type dns. It reports whether they are to be left
	// out: somebody else tells of the same query. It may be nil.
	DNS func(e *beat.Event) (skip bool)
	// Patient makes analyzers wait where the output does, as a replay can.
	Patient bool
	Log     *logp.Logger
}

// How many events may wait for the output, and how many bytes of them.
const (
	eventRoom  = 4096
	eventBytes = 32 << 20
)

// Publisher completes the events of the analyzers and sends them on. The
// functions that CreateReporter returns may be called from any goroutine; they
// wait for nothing, unless the publisher is patient.
type Publisher struct {
	cfg     PublisherConfig
	origins *origins
	direct  sync.Mutex // one event at a time
	events  chan report
	stop    chan struct{} // closed: no more events, publish what is left
	done    chan struct{} // closed when Run has returned
	clients []beat.Client
	// greeting is that of the connection that is being analyzed; it belongs to
	// the goroutine of the analyzers.
	greeting *greeting
	held     []heldReport

	reported, published, dropped, outgoing, invalid, unknown, spoofed, told atomic.Uint64
	holding, bytes                                                          atomic.Int64
	sending                                                                 atomic.Int32 // 1 while the pipeline has an event
}

var _ reporters = (*Publisher)(nil) // type check

// NewPublisher returns a publisher.
func NewPublisher(cfg PublisherConfig) *Publisher {
	return &Publisher{cfg: cfg, events: make(chan report, eventRoom), stop: make(chan struct{}), done: make(chan struct{})}
}

// report is the event of an analyzer and what is known of where it was seen.
type report struct {
	event  beat.Event
	client beat.Client
	sight  enrich.Observation
	known  bool // sight is valid
	size   int  // bytes, as far as they are known
}

type heldReport struct {
	report
	until time.Time
}

// clientConfig are the keys that every section of protocols shares.
type clientConfig struct {
	Section    int                     `config:"_section"` // ours: its number
	Index      string                  `config:"index"`
	Event      mapstr.EventMetadata    `config:",inline"`
	Processors processors.PluginConfig `config:"processors"`
	KeepNull   bool                    `config:"keep_null"`
}

// CreateReporter implements the factory that packetbeat's analyzers ask for the
// way to their events: one client of libbeat's pipeline for each section.
func (p *Publisher) CreateReporter(cfg *conf.C) (func(beat.Event), error) {
	var c clientConfig
	if err := cfg.Unpack(&c); err != nil {
		return nil, err
	}
	list, err := processors.New(c.Processors, p.cfg.Log)
	if err != nil {
		return nil, err
	}
	// The analyzers use types of their own for text, which only libbeat's
	// normalization makes text again.
	normalize := !p.cfg.Completed
	settings := beat.ProcessingConfig{EventMetadata: c.Event, Processor: list, KeepNull: c.KeepNull,
		EventNormalization: &normalize, Private: c.Section}
	if c.Index != "" {
		settings.Meta = mapstr.M{"raw_index": c.Index}
	}
	client, err := p.cfg.Connect(settings)
	if err != nil {
		return nil, err
	}
	p.clients = append(p.clients, client)
	return func(e beat.Event) { p.take(e, client) }, nil
}

// take queues an event. It is called by the analyzers, some of which hold a lock.
func (p *Publisher) take(e beat.Event, client beat.Client) {
	p.reported.Add(1)
	if e.Fields["type"] == "tls" {
		p.greeting.addTo(&e)
	}
	r := report{event: e, client: client}
	r.sight, r.known = p.sight(&e)
	p.queue(r)
}

// queue puts a report where Run finds it.
func (p *Publisher) queue(r report) {
	if p.cfg.Direct {
		p.direct.Lock()
		defer p.direct.Unlock()
		p.send(&r, false)
		return
	}
	if p.cfg.Patient {
		r.size = 0 // what waits is bounded by the process that waits
		select {
		case p.events <- r:
		case <-p.done:
			p.dropped.Add(1)
		}
		return
	}
	if p.bytes.Add(int64(r.size)) > eventBytes {
		p.bytes.Add(-int64(r.size))
		p.dropped.Add(1)
		return
	}
	select {
	case p.events <- r:
	default:
		p.bytes.Add(-int64(r.size))
		p.dropped.Add(1)
	}
}

// sight returns where the conversation behind an event was seen.
func (p *Publisher) sight(e *beat.Event) (s enrich.Observation, ok bool) {
	f, err := pb.GetFields(e.Fields)
	if err != nil || f == nil || f.Source == nil || f.Destination == nil {
		return s, false
	}
	w, ok := wayBetween(f)
	if !ok {
		return s, false
	}
	if p.origins != nil {
		var found bool
		if s.Iface, s.FromSource, found = p.origins.lookup(w); !found {
			// An IPv4-mapped address looks like an IPv4 one in an event.
			s.Iface, s.FromSource, _ = p.origins.lookup(w.mapped())
		}
	}
	s.Source, s.Destination = w.src.Netip(w.family), w.dst.Netip(w.family)
	s.At = e.Timestamp
	return s, true
}

// wakeEvery is how often held events are looked at.
const wakeEvery = 200 * time.Millisecond

// Run publishes until Close, and then what is left.
func (p *Publisher) Run() {
	defer close(p.done)
	ticker := time.NewTicker(wakeEvery)
	defer ticker.Stop()
	for stopped := false; !stopped; {
		select {
		case r := <-p.events:
			p.publish(&r)
		case now := <-ticker.C:
			p.release(now, false)
		case <-p.stop:
			stopped = true
		}
	}
	for {
		select {
		case r := <-p.events:
			p.publish(&r)
		default:
			p.release(time.Time{}, true)
			return
		}
	}
}

// Finish tells that the analyzers have ended, and waits until everything is with
// the pipeline.
func (p *Publisher) Finish() {
	close(p.stop)
	<-p.done
}

// Close closes the clients. It must come after Finish.
func (p *Publisher) Close() {
	for _, c := range p.clients {
		_ = c.Close()
	}
}

// publish sends an event on, or holds it back.
func (p *Publisher) publish(r *report) {
	mayHold := p.cfg.Hold > 0 && len(p.held) < eventRoom
	if !p.send(r, mayHold) {
		p.held = append(p.held, heldReport{*r, time.Now().Add(p.cfg.Hold)})
		p.holding.Store(int64(len(p.held)))
	}
}

// release sends the held events whose qube is known by now or whose time is
// over; all of them at the end.
func (p *Publisher) release(now time.Time, all bool) {
	kept := p.held[:0]
	for i := range p.held {
		h := &p.held[i]
		if !p.send(&h.report, !all && !now.After(h.until)) {
			kept = append(kept, *h)
		}
	}
	clear(p.held[len(kept):])
	p.held = kept
	p.holding.Store(int64(len(kept)))
}
