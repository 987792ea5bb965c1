package transaction

import (
	"maps"

	"github.com/qubesbeat/qubesbeat/internal/feed"
)

// Stats counts what the analyzers have done. Packets + Copies + Spoofed + the
// sum of Refused are the packets that left the queue for an analyzer.
type Stats struct {
	Queue feed.QueueStats

	Packets uint64            // analyzed
	Copies  uint64            // seen already where they came in
	Spoofed uint64            // sent with somebody else's address
	Refused map[string]uint64 // by protocol: too many requests without an answer
	Panics  map[string]uint64 // by protocol: calls that failed

	Connections uint64 // followed so far
	Live        uint64 // followed now
	Slow        uint64 // not analyzed further: their analyzer was busy for too long
	Evicted     uint64 // ended because the budget was used up
	Held        uint64 // bytes that live connections are charged with
	Repeated    uint64 // segments with nothing new
	Reordered   uint64 // segments that were overtaken and put in their place
	Gaps        uint64 // holes in a stream
}

// addStreams takes over the counters of a connection that has ended.
func (s *Stats) addStreams(c *connection) {
	for dir := range c.streams {
		st := c.streams[dir].Stats
		s.Repeated += st.Repeated
		s.Reordered += st.Reordered
		s.Gaps += st.Gaps
	}
}

// share publishes the counters.
func (a *Analyzers) share() {
	s := a.own
	s.Panics, s.Refused = maps.Clone(a.own.Panics), maps.Clone(a.own.Refused)
	s.Live, s.Held = uint64(len(a.conns.table)), uint64(a.conns.held)
	a.mu.Lock()
	a.stats = s
	a.mu.Unlock()
}

// Stats returns the counters as of the last moments. It is safe for concurrent
// use.
func (a *Analyzers) Stats() Stats {
	a.mu.Lock()
	s := a.stats
	a.mu.Unlock()
	s.Queue = a.queue.Stats()
	return s
}

// PublisherStats counts what became of the analyzers' events: Reported =
// Published + Dropped + Outgoing + Told + Invalid + Held + Waiting.
type PublisherStats struct {
	Reported, Published uint64
	Dropped             uint64 // no room: the output is too slow
	Outgoing            uint64 // left out because of ignore_outgoing
	Told                uint64 // left out because the resolver tells of the same
	Invalid             uint64 // without a time or a type
	Held, Waiting       uint64 // held back for a name; waiting for the output
	Unknown, Spoofed    uint64 // published without a name; from a borrowed address
}

// Stats returns the counters. It is safe for concurrent use.
func (p *Publisher) Stats() PublisherStats {
	return PublisherStats{Reported: p.reported.Load(), Published: p.published.Load(), Dropped: p.dropped.Load(),
		Outgoing: p.outgoing.Load(), Told: p.told.Load(), Invalid: p.invalid.Load(), Held: uint64(p.holding.Load()),
		Waiting: uint64(len(p.events)) + uint64(p.sending.Load()), Unknown: p.unknown.Load(), Spoofed: p.spoofed.Load()}
}

// add adds the counters of a process that has ended.
func (c *childStats) add(o childStats) {
	a, b := &c.Analyzers, &o.Analyzers
	a.Packets += b.Packets
	a.Copies += b.Copies
	a.Spoofed += b.Spoofed
	a.Connections += b.Connections
	a.Evicted += b.Evicted
	a.Slow += b.Slow
	a.Repeated += b.Repeated
	a.Reordered += b.Reordered
	a.Gaps += b.Gaps
	a.Refused, a.Panics = addCounts(a.Refused, b.Refused), addCounts(a.Panics, b.Panics)
	p, q := &c.Publisher, &o.Publisher
	p.Reported += q.Reported
	p.Published += q.Published
	p.Dropped += q.Dropped
	p.Outgoing += q.Outgoing
	p.Invalid += q.Invalid
}

func addCounts(a, b map[string]uint64) map[string]uint64 {
	sum := maps.Clone(a)
	if sum == nil {
		sum = map[string]uint64{}
	}
	for name, n := range b {
		sum[name] += n
	}
	return sum
}

// Stats returns the counters of the analyzers, of all processes so far. It is safe
// for concurrent use.
func (w *Worker) Stats() (Stats, PublisherStats, WorkerStats) {
	w.mu.Lock()
	sum, own := w.past, w.stats
	own.Failures = maps.Clone(own.Failures)
	p := w.process
	w.mu.Unlock()
	if p != nil {
		last := p.lastStats()
		sum.add(last)
		sum.Analyzers.Live, sum.Analyzers.Held = last.Analyzers.Live, last.Analyzers.Held
	}
	sum.Analyzers.Queue = w.queue.Stats()
	return sum.Analyzers, sum.Publisher, own
}
