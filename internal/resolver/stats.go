package resolver

import (
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
)

// Stats counts what a resolver has done. Received is the sum of Actions and of
// Waiting.
type Stats struct {
	Received   uint64
	Actions    [dnsevent.Actions]uint64 // by dnsevent.Action
	Waiting    uint64                   // for upstreams, now
	UDP, TCP   uint64                   // queries that the server received
	Truncated  uint64
	Joined     uint64 // queries that waited for the same question of another client
	Unsent     uint64 // answers that could not be sent
	Prefetched uint64
	OverRate   uint64 // of the dropped queries
	TCPRefused uint64 // connections
	TCPOpen    uint64 // connections, now
	Rules      uint64 // of the lists
	// ListsFailed are the sources of lists that could not be read the last time, or
	// are not lists.
	ListsFailed uint64
	Cache       dnscache.Stats
	Log         dnsevent.QueueStats
}

// Stats returns the counters.
func (s *Resolver) Stats() Stats {
	c, srv := &s.stats, s.server.Stats()
	out := Stats{Received: c.received.Load(), Waiting: uint64(max(0, s.waiting.Load())), UDP: srv.UDP, TCP: srv.TCP,
		Truncated: c.truncated.Load(), Joined: c.joined.Load(), Unsent: srv.Unsent, Prefetched: c.prefetched.Load(), OverRate: c.overRate.Load(),
		TCPRefused: srv.TCPRefused, TCPOpen: srv.TCPOpen}
	for i := range c.actions {
		out.Actions[i] = c.actions[i].Load()
	}
	if t := s.live.Load().Table; t != nil {
		out.Rules = uint64(t.Len())
	}
	for _, st := range s.ListStatus() {
		if st.Err != "" {
			out.ListsFailed++
		}
	}
	if s.cache != nil {
		out.Cache = s.cache.Stats()
	}
	if s.conf.Log != nil {
		out.Log = s.conf.Log.Stats()
	}
	return out
}

// FlushCache removes all answers from the cache.
func (s *Resolver) FlushCache() {
	if s.cache != nil {
		s.cache.Flush()
	}
}
