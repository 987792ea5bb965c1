package transaction

import (
	"maps"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/module/transaction/supervisor"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

var _ metrics.Source = (*Service)(nil) // type check

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	m.Group("transactions")
	own, process := s.supervisor.Stats()
	a, r, p := &process.Analyzers, &process.Reporter, s.publisher.stats()
	addFeed(m, s.supervisor.Queue(), s.supervisor.Feed().Stats())
	addPackets(m, a, &own)
	addConnections(m, a)
	m.Add("reported", r.Reported)
	m.Add("published", p.published)
	m.Add("dropped", p.dropped)
	m.Add("ignored_outgoing", r.Outgoing)
	m.Add("logged_by_resolver", p.duplicates)
	m.Add("summarized", p.summarized)
	m.Add("invalid", r.Invalid+own.Damaged+p.invalid)
	m.Add("held", p.held)
	m.Add("waiting", p.waiting)
	m.Add("unknown_qube", p.unknown)
	m.Add("spoofed", p.spoofed)
	m.Add("misfits", p.misfits)
	if s.delivery != nil {
		addDelivery(m, s.delivery())
	}
	addByProtocol(m, "panics_", s.supervisor.Panics())
	addByProtocol(m, "failures_", own.Crashes)
	addByProtocol(m, "refused_", a.Refused)
}

func addFeed(m *metrics.Set, q feed.QueueStats, f feed.Stats) {
	m.Add("queued", q.In)
	m.Add("queue_dropped", q.Dropped)
	m.Add("fragments", f.Fragments.Fragments)
	m.Add("datagrams_reassembled", f.Fragments.Completed)
	m.Add("datagrams_discarded", f.Fragments.Abandoned)
	m.Add("malformed", f.Malformed)
}

func addPackets(m *metrics.Set, a *wire.AnalyzerStats, s *supervisor.Stats) {
	m.Add("packets", a.Packets)
	m.Add("duplicates", a.Copies)
	m.Add("spoofed_packets", a.Spoofed)
	m.Add("refused", sum(a.Refused))
	m.Add("failures", sum(s.Crashes))
	m.Add("quarantined", s.Quarantined)
	m.Add("lost", s.Lost)
	m.Add("uncounted", s.Uncounted)
}

func addConnections(m *metrics.Set, a *wire.AnalyzerStats) {
	m.Add("connections", a.Connections)
	m.Add("live", a.Live)
	m.Add("slow", a.Slow)
	m.Add("evicted", a.Evicted)
	m.Add("memory", a.Held)
	m.Add("retransmitted_segments", a.Repeated)
	m.Add("reordered_segments", a.Reordered)
	m.Add("gaps", a.Gaps)
}

func addDelivery(m *metrics.Set, d event.Delivery) {
	m.Add("acked", d.Acked)
	m.Add("pending", d.Pending)
	m.Add("filtered", d.Filtered)
	m.Add("dropped_at_stop", d.Dropped)
}

// addByProtocol adds a counter for each protocol that has one.
func addByProtocol(m *metrics.Set, prefix string, counts map[string]uint64) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		m.Add(prefix+name, counts[name])
	}
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// Published returns how many events were passed to the pipeline.
func (s *Service) Published() uint64 { return s.publisher.published.Load() }

// publisherStats counts the events of a publisher: received = published + dropped +
// duplicates + summarized + invalid + held + waiting.
type publisherStats struct {
	received, published uint64
	dropped             uint64 // no room: the output is too slow
	duplicates          uint64 // left out because the resolver logs the same query
	summarized          uint64 // counted in a summary instead
	invalid             uint64 // of no section
	held, waiting       uint64 // held back for a name; waiting for the output
	unknown, spoofed    uint64 // published without a name; with a spoofed address
	misfits             uint64 // values that were moved or cut
}

// stats returns the counters. It is safe for concurrent use.
func (p *publisher) stats() publisherStats {
	return publisherStats{received: p.received.Load(), published: p.published.Load(), dropped: p.dropped.Load(),
		duplicates: p.duplicates.Load(), summarized: p.summarized.Load(), invalid: p.invalid.Load(), held: p.held.Stats().Held,
		waiting: uint64(len(p.events)) + uint64(p.sending.Load()), unknown: p.unknown.Load(), spoofed: p.spoofed.Load(),
		misfits: p.misfits.Load()}
}

// countAttribution counts an event that is about to be published.
func (p *publisher) countAttribution(parties *event.Parties) {
	switch {
	case parties.Attribution == event.Spoofed:
		p.spoofed.Add(1)
	case parties.Uncertain():
		p.unknown.Add(1)
	}
}
