package transaction

import (
	"maps"

	"github.com/qubesbeat/qubesbeat/internal/tap"
)

// Stats counts what the analyzers have done. Packets + Copies + Spoofed + the
// sum of Refused are the packets that left the queue for an analyzer.
type Stats struct {
	Queue tap.QueueStats

	Packets uint64            // analyzed
	Copies  uint64            // seen already where they came in
	Spoofed uint64            // sent with somebody else's address
	Refused map[string]uint64 // by protocol: too many requests without an answer
	Panics  map[string]uint64 // by protocol: calls that failed

	Connections uint64 // followed so far
	Live        uint64 // followed now
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
// Published + Dropped + Outgoing + Invalid + Held + Waiting.
type PublisherStats struct {
	Reported, Published uint64
	Dropped             uint64 // no room: the output is too slow
	Outgoing            uint64 // left out because of ignore_outgoing
	Invalid             uint64 // without a time or a type
	Held, Waiting       uint64 // held back for a name; waiting for the output
	Unknown, Spoofed    uint64 // published without a name; from a borrowed address
}

// Stats returns the counters. It is safe for concurrent use.
func (p *Publisher) Stats() PublisherStats {
	return PublisherStats{Reported: p.reported.Load(), Published: p.published.Load(), Dropped: p.dropped.Load(),
		Outgoing: p.outgoing.Load(), Invalid: p.invalid.Load(), Held: uint64(p.holding.Load()),
		Waiting: uint64(len(p.events)), Unknown: p.unknown.Load(), Spoofed: p.spoofed.Load()}
}
