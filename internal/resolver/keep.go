package resolver

import (
	"encoding/binary"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// keep puts an answer into the cache and returns what kind it is. Its TTLs are
// put within the bounds of the configuration first, so that the first client
// hears the same as the next.
func (s *Resolver) keep(w *want, p *dnsmsg.Reply) dnscache.Flags {
	flags := kind(p)
	c := &s.conf.Cache
	ttl := max(p.TTL, c.MinTTL)
	if c.MaxTTL > 0 {
		ttl = min(ttl, c.MaxTTL)
	}
	if p.Negative {
		ttl = min(p.TTL, c.MaxNegative)
	}
	for _, at := range p.TTLs {
		v := max(binary.BigEndian.Uint32(p.Msg[at:]), c.MinTTL)
		if c.MaxTTL > 0 {
			v = min(v, c.MaxTTL)
		}
		if p.Negative {
			v = min(v, max(ttl, 0))
		}
		binary.BigEndian.PutUint32(p.Msg[at:], v)
	}
	if s.cache != nil && ttl > 0 {
		s.cache.Put([]byte(w.key), &dnscache.Entry{Msg: p.Msg, TTLs: p.TTLs, TTL: ttl, Flags: flags}, s.seconds())
	}
	return flags
}

// keepFailure remembers that the upstreams have failed.
func (s *Resolver) keepFailure(w *want) {
	if s.cache != nil && s.ctx.Err() == nil {
		s.cache.Put(failureKey([]byte(w.key)), &dnscache.Entry{TTL: failedFor, Flags: dnscache.Failure}, s.seconds())
	}
}

// kind looks at what will matter of an answer.
func kind(p *dnsmsg.Reply) (f dnscache.Flags) {
	if p.Negative {
		f |= dnscache.Negative
	}
	if p.AD {
		f |= dnscache.Secure
	}
	look := func(a netip.Addr) {
		if private(a) {
			f |= dnscache.Private
		}
	}
	var r dnsmsg.Reader
	_ = r.Read(p.Msg) // it was rebuilt by us
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
		switch rr.Type {
		case dnsmsg.TypeCNAME, dnsmsg.TypeDNAME:
			f |= dnscache.Aliases
		case dnsmsg.TypeSVCB, dnsmsg.TypeHTTPS:
			f |= dnscache.Aliases
			dnsmsg.Hints(p.Msg[rr.Data:rr.Data+rr.Len], look)
		case dnsmsg.TypeA, dnsmsg.TypeAAAA:
			look(rr.Address(p.Msg))
		}
	}
	return f
}

// stale returns an answer that is past its time, but not for too long.
func (s *Resolver) stale(r *request, dst []byte) (msg []byte, ok bool) {
	if s.cache == nil || s.conf.Cache.Stale == 0 {
		return nil, false
	}
	room := append([]byte(nil), dst[:0]...)
	return s.cache.Get(room, r.key(), r.now(), int64(s.conf.Cache.Stale.Seconds()), &r.entry)
}

// staleTTL is what a client may do with such an answer (RFC 8767 section 5).
const staleTTL = 30

func (s *Resolver) serveStale(r *request, msg []byte) []byte {
	r.out.Action, r.out.From, r.out.Stale = Cached, FromCache, true
	r.out.Age, r.out.Left = max(0, r.now()-r.entry.Stored), r.entry.Left(r.now())
	r.out.Negative = r.entry.Flags&dnscache.Negative != 0
	if r.out.EDE = dnsmsg.EDEStale; dnsmsg.RCode(msg[3]&15) == dnsmsg.NXDomain {
		r.out.EDE = dnsmsg.EDEStaleNX
	}
	var reader dnsmsg.Reader
	_ = reader.Read(msg) // it was rebuilt by us
	for rr := (dnsmsg.Record{}); reader.Next(&rr); {
		binary.BigEndian.PutUint32(msg[rr.TTLAt:], staleTTL)
	}
	r.entry.Clean = 0
	return s.deliver(r, msg)
}
