package supervisor

import (
	"maps"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// Stats counts what happened to the process of the analyzers.
type Stats struct {
	Crashes     map[string]uint64 // by the protocol of the packet; "none" between packets
	Quarantined uint64            // packets of sources and connections that crashed a process
	Lost        uint64            // packets for which there was no process, or whose analyzer is stopped
	Uncounted   uint64            // packets that a process had finished, but not counted, when it crashed
	Damaged     uint64            // messages that could not be decoded
}

// count changes the counters.
func (s *Supervisor) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

// Stats returns the counters of the supervisor and those of all processes so far.
// It is safe for concurrent use.
func (s *Supervisor) Stats() (Stats, wire.Stats) {
	s.mu.Lock()
	own, sum := s.stats, s.past
	own.Crashes = maps.Clone(own.Crashes)
	p := s.process
	s.mu.Unlock()
	if p != nil {
		last := p.lastStats()
		sum.Add(last)
		sum.Analyzers.Live, sum.Analyzers.Held = last.Analyzers.Live, last.Analyzers.Held
	}
	return own, sum
}

// Queue returns the counters of the queue between feed and process.
func (s *Supervisor) Queue() feed.QueueStats { return s.queue.Stats() }
