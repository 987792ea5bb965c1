package wire

import "maps"

// Stats are the counters of a process of the analyzers.
type Stats struct {
	Analyzers AnalyzerStats `yaml:"analyzers"`
	Reporter  ReporterStats `yaml:"reporter"`
}

// AnalyzerStats counts the packets and connections of the analyzers. Packets +
// Copies + Spoofed + the sum of Refused are the packets that were received.
type AnalyzerStats struct {
	Packets uint64            // analyzed
	Copies  uint64            // analyzed already, on the interface they came in on
	Spoofed uint64            // with a source address that is not the sender's
	Refused map[string]uint64 // by protocol: too many requests without a response
	Panics  map[string]uint64 // by protocol: calls that panicked

	Connections uint64 // TCP connections followed so far
	Live        uint64 // TCP connections followed now
	Slow        uint64 // given up: they took their analyzer too much time
	Evicted     uint64 // given up: the memory budget was used up
	Held        uint64 // bytes that live connections are charged with
	Repeated    uint64 // segments with nothing new
	Reordered   uint64 // segments that arrived before an earlier one
	Gaps        uint64 // gaps in streams
}

// Received returns the number of packets that were received.
func (a *AnalyzerStats) Received() uint64 {
	n := a.Packets + a.Copies + a.Spoofed
	for _, refused := range a.Refused {
		n += refused
	}
	return n
}

// ReporterStats counts the events of the analyzers: Reported = Sent + Outgoing +
// Invalid.
type ReporterStats struct {
	Reported uint64
	Sent     uint64 // to the beat
	Outgoing uint64 // left out because of ignore_outgoing
	Invalid  uint64 // without a time or a type, or cannot be encoded
}

// Add adds the counters of a process that has ended to s. Live and Held, which
// belong to a running process, are not added.
func (s *Stats) Add(o Stats) {
	a, b := &s.Analyzers, &o.Analyzers
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
	p, q := &s.Reporter, &o.Reporter
	p.Reported += q.Reported
	p.Sent += q.Sent
	p.Outgoing += q.Outgoing
	p.Invalid += q.Invalid
}

// addCounts returns the sums. It does not change its arguments.
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
