package resolver

import (
	"bytes"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
)

// anyTTL is how long our answer to ANY holds (RFC 8482 section 4.2).
const anyTTL = 3600

// anyData is the HINFO that stands for everything there is.
var anyData = []byte("\x07RFC8482\x00")

// decide answers a query, or says that an upstream has to be asked: then done is
// false. An empty reply means that there is to be none. It does not allocate, but
// for what it sees for the first time and for regular expressions.
func (s *Resolver) decide(r *request, msg, dst []byte) (reply []byte, done bool) {
	r.out, r.zone, r.allow, r.leaves = Outcome{EDE: dnsmsg.NoEDE}, nil, false, nil
	verdict := r.q.Parse(msg)
	r.snap = s.live.Load()
	r.client = r.snap.Client(r.from.Addr())
	r.peer = s.peers.get(r.from.Addr())
	if !r.peer.within(r.at, &s.conf.Limits) {
		r.out.Action, r.out.From, r.out.Match = Dropped, FromError, MatchRate
		return nil, true
	}
	if verdict == dnsmsg.Ignore {
		r.out.Action, r.out.From, r.out.Match = Dropped, FromError, MatchProtocol
		return nil, true
	}
	if reply, done = s.protocol(r, dst, verdict); done {
		return reply, true
	}
	if reply, done = s.firewall(r, dst); done {
		return reply, true
	}
	return s.policy(r, dst)
}

// protocol answers what is no query that anybody may send.
func (s *Resolver) protocol(r *request, dst []byte, v dnsmsg.ParseResult) ([]byte, bool) {
	r.out.Action, r.out.From, r.out.Match = Refused, FromError, MatchProtocol
	switch v {
	case dnsmsg.Malformed:
		return s.bare(r, dst, dnsmsg.FormErr), true
	case dnsmsg.NotImplemented:
		return s.bare(r, dst, dnsmsg.NotImp), true
	case dnsmsg.WrongVersion:
		return s.bare(r, dst, dnsmsg.BadVers), true
	}
	switch t := r.q.Type; {
	case r.q.Class != dnsmsg.ClassIN: // CHAOS would tell who we are, and others have no records
		return s.bare(r, dst, dnsmsg.Refused), true
	case t == dnsmsg.TypeANY:
		r.out.Action, r.out.From = Local, FromSpecial
		dst = dnsmsg.AppendRecord(r.head(dst, dnsmsg.NoError), nil, dnsmsg.TypeHINFO, dnsmsg.ClassIN, anyTTL, anyData)
		dnsmsg.SetCounts(dst, 1, 1, 0, 0)
		return s.finish(r, dst), true
	case t == dnsmsg.TypeOPT:
		return s.bare(r, dst, dnsmsg.FormErr), true
	case t == 0 || t >= 128 && t < 255: // IXFR, AXFR and other types of questions only
		return s.bare(r, dst, dnsmsg.Refused), true
	}
	r.out = Outcome{EDE: dnsmsg.NoEDE}
	return nil, false
}

// firewall refuses what the rules of qvm-firewall refuse: a query that is
// redirected to us does not pass the chain that would have stopped it.
func (s *Resolver) firewall(r *request, dst []byte) ([]byte, bool) {
	if s.conf.Gate == nil {
		return nil, false
	}
	why, refused := s.conf.Gate.Refuses(r.from.Addr(), r.tcp)
	if !refused {
		return nil, false
	}
	r.out = Outcome{Action: Refused, From: FromError, Match: MatchFirewall, EDE: dnsmsg.EDEProhibited, Err: why}
	return s.bare(r, dst, dnsmsg.Refused), true
}

// policy answers from what is at hand, in blocky's order: filters, our own
// records, lists, the cache.
func (s *Resolver) policy(r *request, dst []byte) ([]byte, bool) {
	p := r.client.Policy
	if slices.Contains(p.Types, r.q.Type) {
		r.out = Outcome{Action: Blocked, From: FromFilter, Match: MatchType, EDE: dnsmsg.EDEFiltered}
		return s.negative(r, dst, dnsmsg.NoError, p.Block.TTL), true
	}
	if p.FQDNOnly && dnsmsg.Labels(r.q.Name) == 1 {
		r.out = Outcome{Action: Blocked, From: FromFQDN, Match: MatchName, EDE: dnsmsg.EDEFiltered}
		return s.negative(r, dst, dnsmsg.NXDomain, p.Block.TTL), true
	}
	if reply, done := s.records(r, dst); done {
		return reply, true
	}
	if r.leaves = r.leaving(); r.leaves != nil {
		r.zone = r.snap.zoneOf(r.leaves[len(r.leaves)-1].target)
		return s.cached(r, dst) // our own names are neither special nor on a list
	}
	if r.zone = r.snap.zoneOf(r.q.Lower()); r.zone == nil {
		if reply, done := s.special(r, dst); done {
			return reply, true
		}
	}
	v := r.snap.Name(p, r.q.Lower())
	if v.Blocked {
		r.blocked(&v)
		return s.block(r, dst), true
	}
	r.allow = v.Allowed
	return s.cached(r, dst)
}

// blocked notes that the lists block the name of the question.
func (r *request) blocked(v *dnspolicy.Verdict) {
	r.out = Outcome{Action: Blocked, From: FromBlocking, Match: MatchName, EDE: dnsmsg.EDEBlocked, List: v.List, Hit: v.Hit}
	if v.AllowOnly {
		r.out.Match = MatchAllowOnly
	}
}

// zoneOf returns the zone with upstreams of its own that a name is in, the
// smallest of several, nil for none.
func (c *Rules) zoneOf(name []byte) (best *Zone) {
	if len(c.Zones) == 0 {
		return nil
	}
	if alias := c.rewritten(name); alias != nil {
		if z := c.smallest(alias); z != nil {
			return z
		}
	}
	return c.smallest(name)
}

func (c *Rules) smallest(name []byte) (best *Zone) {
	for i := range c.Zones {
		z := &c.Zones[i]
		in := dnsmsg.Below(name, z.Name)
		if bytes.Equal(z.Name, root) {
			in = dnsmsg.Labels(name) == 1
		}
		if in && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

var root = []byte{0}

// cached answers from the cache, where that has an answer that this client may
// have.
func (s *Resolver) cached(r *request, dst []byte) ([]byte, bool) {
	if s.cache == nil {
		return nil, false
	}
	key := r.key()
	msg, ok := s.cache.Get(dst, key, r.now(), 0, &r.entry)
	if !ok {
		return nil, false
	}
	e := &r.entry
	r.out = Outcome{Action: Cached, From: FromCache, EDE: dnsmsg.NoEDE, Age: max(0, r.now()-e.Stored), Left: e.Left(r.now()),
		Negative: e.Flags&dnscache.Negative != 0}
	if s.conf.Cache.Prefetch && e.Uses >= 3 && r.out.Left*10 < int64(e.TTL) {
		s.prefetch(r)
	}
	return s.deliver(r, msg), true
}

// deliver looks at an answer on behalf of the client, and makes it the client's.
func (s *Resolver) deliver(r *request, msg []byte) []byte {
	p := r.client.Policy
	clean := r.snap.Version<<16 | uint64(p.ID)
	if r.entry.Clean != clean {
		if !s.inspect(r, msg) {
			if r.out.From == FromRebinding {
				return s.negative(r, msg[:0], dnsmsg.NoError, p.Block.TTL)
			}
			return s.block(r, msg[:0])
		}
		if !r.allow && r.out.From == FromCache {
			s.cache.SetClean(r.key(), r.entry.Stored, clean)
		}
	}
	if len(p.Types) > 0 {
		msg = dnsmsg.StripHints(msg, slices.Contains(p.Types, dnsmsg.TypeA), slices.Contains(p.Types, dnsmsg.TypeAAAA))
	}
	return s.adopt(r, msg, r.entry.Flags&dnscache.Secure != 0)
}
