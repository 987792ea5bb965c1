package resolver

import (
	"net/netip"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
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

// log pushes an entry for count queries.
func (s *Resolver) log(r *request, reply []byte, count uint32) {
	if s.conf.Log == nil {
		return
	}
	q := &r.q
	s.conf.Log.Push(&dnsevent.Entry{
		Outcome: r.out, At: r.At, Duration: max(0, s.conf.Clock().UnixNano()-r.At),
		From: r.From, Local: r.Local, Iface: r.Iface, TCP: r.TCP, Size: r.Size,
		ID: q.ID, Flags: q.Flags, Opcode: q.Opcode, Type: q.Type, Class: q.Class,
		EDNS: q.EDNS, DO: q.DO, ECS: q.ECS, UDPSize: q.UDPSize,
		Version: r.snap.Version, View: r.client.Policy.View, Qube: r.client.Qube,
		Name: q.Name, Reply: reply, ReplyLen: len(reply), Count: count,
	})
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
