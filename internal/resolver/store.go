package resolver

import (
	"encoding/binary"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/addrscope"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// store puts an answer into the cache and returns its flags. Its TTLs are put
// within the configured bounds first, so that the first client gets the same as
// the next.
func (s *Resolver) store(l *lookup, p *dnsmsg.Reply) dnscache.Flags {
	flags := classify(p)
	c := &s.conf.Cache
	ttl := c.bound(p.TTL)
	if p.Negative {
		ttl = min(p.TTL, c.MaxNegative)
	}
	for _, at := range p.TTLs {
		v := c.bound(binary.BigEndian.Uint32(p.Msg[at:]))
		if p.Negative {
			v = min(v, ttl)
		}
		binary.BigEndian.PutUint32(p.Msg[at:], v)
	}
	if s.cache != nil && ttl > 0 {
		s.cache.Put([]byte(l.key), &dnscache.Entry{Msg: p.Msg, TTLs: p.TTLs, TTL: ttl, Flags: flags, Owner: l.owner}, s.seconds())
	}
	return flags
}

// bound returns a TTL within MinTTL and MaxTTL.
func (c *Cache) bound(ttl uint32) uint32 {
	ttl = max(ttl, c.MinTTL)
	if c.MaxTTL > 0 {
		ttl = min(ttl, c.MaxTTL)
	}
	return ttl
}

// failureTTL is how long the failure of the upstreams is remembered, in seconds
// (RFC 9520 section 3.2).
const failureTTL = 5

// failureKey turns the key of an answer into that of a failure, in place.
func failureKey(key []byte) []byte {
	key[flagsAt] |= keyFailure
	return key
}

// storeFailure remembers that the upstreams have failed.
func (s *Resolver) storeFailure(l *lookup) {
	if s.cache != nil && s.ctx.Err() == nil {
		s.cache.Put(failureKey([]byte(l.key)), &dnscache.Entry{TTL: failureTTL, Flags: dnscache.Failure, Owner: l.owner}, s.seconds())
	}
}

// recentlyFailed reports whether the upstreams have just failed at the question.
func (s *Resolver) recentlyFailed(r *request) bool {
	if s.cache == nil {
		return false
	}
	var e dnscache.Entry
	var buf [64]byte
	_, ok := s.cache.Get(buf[:0], failureKey(r.key()), r.now(), 0, &e)
	return ok
}

// classify returns the flags of an answer.
func classify(p *dnsmsg.Reply) (f dnscache.Flags) {
	if p.Negative {
		f |= dnscache.Negative
	}
	if p.AD {
		f |= dnscache.Secure
	}
	check := func(a netip.Addr) {
		if addrscope.Private(a) {
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
			dnsmsg.Hints(p.Msg[rr.Data:rr.Data+rr.Len], check)
		case dnsmsg.TypeA, dnsmsg.TypeAAAA:
			check(rr.Address(p.Msg))
		}
	}
	return f
}
