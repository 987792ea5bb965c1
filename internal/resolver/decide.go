package resolver

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// decide answers a query unless an upstream has to be asked: then done is false.
// An empty reply means that none is sent.
func (s *Resolver) decide(r *request, msg, dst []byte) (reply []byte, done bool) {
	r.out, r.decided = dnsevent.Outcome{EDE: dnsmsg.NoEDE}, decided{}
	result := r.q.Parse(msg)
	r.snap = s.live.Load()
	r.client = r.snap.Client(r.From.Addr())
	r.peer = s.peers.get(r.From.Addr())
	if !r.peer.within(r.At, &s.conf.Limits) {
		r.out.Action, r.out.From, r.out.Match = dnsevent.Dropped, dnsevent.FromError, dnsevent.MatchRate
		return nil, true
	}
	if result == dnsmsg.Ignore {
		r.out.Action, r.out.From, r.out.Match = dnsevent.Dropped, dnsevent.FromError, dnsevent.MatchProtocol
		return nil, true
	}
	return s.answer(r, dst, result)
}

// answer answers a message that is at least the beginning of a query.
func (s *Resolver) answer(r *request, dst []byte, result dnsmsg.ParseResult) (reply []byte, done bool) {
	if reply, done = s.checkProtocol(r, dst, result); done {
		return reply, true
	}
	if reply, done = s.checkACL(r, dst); done {
		return reply, true
	}
	return s.applyPolicy(r, dst)
}

// checkACL refuses clients that qvm-firewall refuses: a query that is redirected
// to the resolver does not pass the chain that would have stopped it.
func (s *Resolver) checkACL(r *request, dst []byte) ([]byte, bool) {
	if s.conf.ACL == nil {
		return nil, false
	}
	why, refused := s.conf.ACL.Refuses(r.From.Addr(), r.TCP)
	if !refused {
		return nil, false
	}
	r.out = dnsevent.Outcome{Action: dnsevent.Refused, From: dnsevent.FromError, Match: dnsevent.MatchFirewall, EDE: dnsmsg.EDEProhibited, Err: why}
	return s.replyCode(r, dst, dnsmsg.Refused), true
}

// applyPolicy answers from what is known locally, in blocky's order: filters,
// local records, names of special use, lists, the cache.
func (s *Resolver) applyPolicy(r *request, dst []byte) ([]byte, bool) {
	p := r.client.Policy
	if slices.Contains(p.Types, r.q.Type) {
		r.out = dnsevent.Outcome{Action: dnsevent.Blocked, From: dnsevent.FromFilter, Match: dnsevent.MatchType, EDE: dnsmsg.EDEFiltered}
		return s.replyNegative(r, dst, dnsmsg.NoError, p.Block.TTL), true
	}
	if p.FQDNOnly && dnsmsg.Labels(r.q.Name) == 1 {
		r.out = dnsevent.Outcome{Action: dnsevent.Blocked, From: dnsevent.FromFQDN, Match: dnsevent.MatchName, EDE: dnsmsg.EDEFiltered}
		return s.replyNegative(r, dst, dnsmsg.NXDomain, p.Block.TTL), true
	}
	if reply, done := s.localRecords(r, dst); done {
		return reply, true
	}
	if n := len(r.dangling); n > 0 { // local names are neither special nor blocked
		r.zone = r.snap.zoneOf(r.dangling[n-1].Data)
		return s.cached(r, dst)
	}
	if r.zone = r.snap.zoneOf(r.q.Lower()); r.zone == nil {
		if reply, done := s.special(r, dst); done {
			return reply, true
		}
	}
	v := r.snap.Name(p, r.q.Lower())
	if v.Blocked {
		r.block(dnsevent.MatchName, &v)
		return s.replyBlocked(r, dst), true
	}
	r.allowed = v.Allowed
	return s.cached(r, dst)
}

// block sets the outcome for what a list blocks. What is known of the upstream
// stays.
func (r *request) block(m dnsevent.Match, v *dnspolicy.Decision) {
	r.out = dnsevent.Outcome{Action: dnsevent.Blocked, From: dnsevent.FromBlocking, Match: m, EDE: dnsmsg.EDEBlocked,
		Upstream: r.out.Upstream, Attempts: r.out.Attempts, Took: r.out.Took}
	if v.AllowOnly {
		r.out.Match = dnsevent.MatchAllowOnly
	}
	if v.List != nil {
		r.out.List, r.out.Hit = v.List.Name, dnsevent.Hit{Text: v.Hit.Text, At: v.Hit.At, Tree: v.Hit.Kind == blocklist.Tree}
	}
}

// cached answers from the cache, if it has an answer that the client may have.
func (s *Resolver) cached(r *request, dst []byte) ([]byte, bool) {
	if s.cache == nil {
		return nil, false
	}
	msg, ok := s.cache.Get(dst, r.key(), r.now(), 0, &r.entry)
	if !ok {
		return nil, false
	}
	e := &r.entry
	r.out = dnsevent.Outcome{Action: dnsevent.Cached, From: dnsevent.FromCache, EDE: dnsmsg.NoEDE, Age: max(0, r.now()-e.Stored),
		Left: e.Left(r.now()), Negative: e.Flags&dnscache.Negative != 0}
	if s.conf.Cache.Prefetch && e.Uses >= 3 && r.out.Left*10 < int64(e.TTL) {
		s.prefetch(r)
	}
	return s.deliver(r, msg), true
}

// deliver inspects an answer on behalf of the client, and turns it into the
// client's answer.
func (s *Resolver) deliver(r *request, msg []byte) []byte {
	p := r.client.Policy
	version := r.snap.Version<<16 | uint64(p.ID)
	if r.entry.VettedBy != version {
		if !s.inspect(r, msg) {
			if r.out.From == dnsevent.FromRebinding {
				return s.replyNegative(r, msg[:0], dnsmsg.NoError, p.Block.TTL)
			}
			return s.replyBlocked(r, msg[:0])
		}
		if !r.allowed && r.out.From == dnsevent.FromCache {
			s.cache.SetVetted(r.key(), r.entry.Stored, version)
		}
	}
	if len(p.Types) > 0 {
		msg = dnsmsg.StripHints(msg, slices.Contains(p.Types, dnsmsg.TypeA), slices.Contains(p.Types, dnsmsg.TypeAAAA))
	}
	return s.rewrite(r, msg, r.entry.Flags&dnscache.Secure != 0)
}
