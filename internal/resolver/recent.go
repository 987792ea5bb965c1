package resolver

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
)

// recent remembers the last queries, so that an observer of the wire can recognize
// them. A query is a hash, which stays until its part of the table has had as many others:
// those of the same client, as a rule, for clients are spread over the parts.
type recent [recentParts]recentPart

const (
	recentParts = 64   // a power of two
	recentOf    = 1024 // queries of a part
)

// recentPart is a ring of hashes.
type recentPart struct {
	next    atomic.Uint32
	queries [recentOf]atomic.Uint64
}

// queryHash returns the hash of a query. Its lowest bits are the part of the client.
func queryHash(seed maphash.Seed, from netip.AddrPort, id uint16) uint64 {
	var b [20]byte
	a := from.Addr().As16()
	copy(b[:], a[:])
	binary.BigEndian.PutUint16(b[16:], from.Port())
	binary.BigEndian.PutUint16(b[18:], id)
	part := maphash.Bytes(seed, a[:]) % recentParts
	return max(recentParts, maphash.Bytes(seed, b[:]))&^(recentParts-1) | part // not 0, which is an empty place
}

func (q *recent) add(h uint64) {
	p := &q[h%recentParts]
	p.queries[p.next.Add(1)%recentOf].Store(h)
}

// has looks at all queries of a part, which takes half a microsecond: the observer asks
// for each answer, which has cost it twenty.
func (q *recent) has(h uint64) bool {
	p := &q[h%recentParts]
	for i := range p.queries {
		if p.queries[i].Load() == h {
			return true
		}
	}
	return false
}

// Asked reports whether a query with an id has lately come from an address.
func (s *Resolver) Asked(from netip.AddrPort, id uint16) bool {
	return s.recent.has(queryHash(s.secret, from, id))
}

// IsUpstream reports whether an address is that of a server that is asked.
func (s *Resolver) IsUpstream(a netip.AddrPort) bool {
	for _, g := range s.live.Load().groups() {
		if g.Asks(a) {
			return true
		}
	}
	return false
}
