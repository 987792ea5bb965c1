package resolver

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// staleAnswer returns an answer that has expired, but not too long ago. It is a
// copy with room to grow: dst is needed for the answer of the upstreams.
func (s *Resolver) staleAnswer(r *request, dst []byte) (msg []byte, ok bool) {
	if s.cache == nil || s.conf.Cache.Stale == 0 {
		return nil, false
	}
	room := append([]byte(nil), dst[:0]...)
	return s.cache.Get(room, r.key(), r.now(), int64(s.conf.Cache.Stale.Seconds()), &r.entry)
}

// staleTTL is the TTL of an expired answer, in seconds (RFC 8767 section 5).
const staleTTL = 30

// replyStale answers with an expired answer.
func (s *Resolver) replyStale(r *request, msg []byte) []byte {
	r.out.Action, r.out.From, r.out.Stale = dnsevent.Cached, dnsevent.FromCache, true
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
	r.entry.VettedBy = 0
	return s.deliver(r, msg)
}
