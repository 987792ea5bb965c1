package supervisor

import (
	"maps"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// addParts makes each analyzer a part of its own: one that panics again and again is
// stopped, and the others go on.
func (s *Supervisor) addParts() {
	names := slices.Concat(slices.Collect(maps.Values(s.ready.TCP)), slices.Collect(maps.Values(s.ready.UDP)))
	if s.ready.ICMP {
		names = append(names, icmp)
	}
	slices.Sort(names)
	parts := map[string]*guard.Part{}
	for _, name := range slices.Compact(names) {
		parts[name] = s.cfg.Guard.Part(wire.PartOf(name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = parts
}

// panicked takes a panic that the process has recovered from. It is called by the
// goroutine that reads from the process.
func (s *Supervisor) panicked(body []byte) {
	p, err := wire.ParsePanic(body)
	s.mu.Lock()
	part, known := s.parts[p.Protocol]
	s.mu.Unlock()
	if err != nil || !known {
		s.count(func(c *Stats) { c.Damaged++ })
		return
	}
	part.Report(&p.Caught)
}

// Panics returns the number of panics of each analyzer, also of processes that have ended
// since. It is safe for concurrent use.
func (s *Supervisor) Panics() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]uint64{}
	for name, part := range s.parts {
		if n := part.Panics(); n > 0 {
			all[name] = n
		}
	}
	return all
}
