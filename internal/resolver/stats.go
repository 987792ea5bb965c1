package resolver

import "github.com/qubesbeat/qubesbeat/internal/dnscache"

// Stats counts what a resolver has done. Received is the sum of Actions and of
// Waiting.
type Stats struct {
	Received   uint64
	Actions    [Actions]uint64 // by Action
	Waiting    uint64          // for an upstream, now
	UDP, TCP   uint64
	Truncated  uint64
	Unsent     uint64 // answers that the kernel did not take
	Prefetched uint64
	OverRate   uint64 // of the dropped
	TCPRefused uint64 // connections
	TCPOpen    uint64 // now
	Rules      uint64 // of the lists in force
	Cache      dnscache.Stats
	Log        LogStats
}

// Actions is how many actions there are.
const Actions = int(actions)

// Stats returns the counters.
func (s *Resolver) Stats() Stats {
	c := &s.stats
	out := Stats{Received: c.received.Load(), Waiting: uint64(max(0, s.inFlight.Load())), UDP: c.udp.Load(), TCP: c.tcp.Load(),
		Truncated: c.truncated.Load(), Unsent: c.unsent.Load(), Prefetched: c.prefetched.Load(), OverRate: c.rated.Load(),
		TCPRefused: c.tcpRefused.Load(), TCPOpen: uint64(max(0, s.conns.Load()))}
	for i := range c.actions {
		out.Actions[i] = c.actions[i].Load()
	}
	if t := s.live.Load().Table; t != nil {
		out.Rules = uint64(t.Len())
	}
	if s.cache != nil {
		out.Cache = s.cache.Stats()
	}
	if s.conf.Log != nil {
		out.Log = s.conf.Log.Stats()
	}
	return out
}
