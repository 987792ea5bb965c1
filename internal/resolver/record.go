package resolver

import (
	"net/netip"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// counters count queries. Each is counted in received, and then in one of actions.
type counters struct {
	received   atomic.Uint64
	actions    [dnsevent.Actions]atomic.Uint64
	truncated  atomic.Uint64
	joined     atomic.Uint64
	prefetched atomic.Uint64
	overRate   atomic.Uint64 // of those dropped
}

// record counts and logs the outcome of a query. It is called once for each.
func (s *Resolver) record(r *request, reply []byte) {
	s.stats.actions[r.out.Action].Add(1)
	if r.out.Truncated {
		s.stats.truncated.Add(1)
	}
	if r.out.Action != dnsevent.Dropped {
		s.log(r, reply, 1)
		return
	}
	if r.out.Match == dnsevent.MatchRate {
		s.stats.overRate.Add(1)
		r.peer.overRate.Add(1)
	} else {
		r.peer.invalid.Add(1)
	}
	s.reportSoon()
}

// log adds an entry for count queries. It is filled in place: an entry is large, and
// there is one for every query.
func (s *Resolver) log(r *request, reply []byte, count uint32) {
	if s.conf.Log == nil {
		return
	}
	took, q := max(0, s.conf.Clock().UnixNano()-r.At), &r.q
	version, group, qube := r.snap.Version, r.client.Policy.UpstreamGroup, r.client.Qube // nothing below can panic
	e := s.conf.Log.Reserve(share.Of(r.Iface, r.From.Addr()), count)
	if e == nil {
		return
	}
	e.Outcome, e.At, e.Duration = r.out, r.At, took
	e.From, e.Local, e.Iface, e.TCP, e.Size = r.From, r.Local, r.Iface, r.TCP, r.Size
	e.ID, e.Flags, e.Opcode, e.Type, e.Class = q.ID, q.Flags, q.Opcode, q.Type, q.Class
	e.EDNS, e.DO, e.ECS, e.UDPSize = q.EDNS, q.DO, q.ECS, q.UDPSize
	e.Version, e.UpstreamGroup, e.Qube = version, group, qube
	s.conf.Log.Commit(e, q.Name, reply)
}

// reportDropped logs how many queries of each client were dropped since the last
// time: an entry for each of them would serve a flood.
func (s *Resolver) reportDropped() {
	s.chores.reportAt.Store(0)
	for a, p := range s.peers.all() {
		s.reportCount(a, dnsevent.MatchRate, p.overRate.Swap(0))
		s.reportCount(a, dnsevent.MatchProtocol, p.invalid.Swap(0))
	}
}

func (s *Resolver) reportCount(a netip.Addr, why dnsevent.Match, n uint32) {
	if n == 0 {
		return
	}
	r := request{Arrival: dnsserver.Arrival{From: netip.AddrPortFrom(a, 0), At: s.conf.Clock().UnixNano()}, decided: decided{snap: s.live.Load()},
		out: dnsevent.Outcome{Action: dnsevent.Dropped, From: dnsevent.FromError, Match: why, EDE: dnsmsg.NoEDE}}
	r.client = r.snap.Client(a)
	s.log(&r, nil, n)
}
