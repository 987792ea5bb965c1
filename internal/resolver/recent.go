package resolver

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
)

// recent remembers the last queries, so that an observer of the wire can recognize
// them. A query is a hash, which stays until another one takes its place: one of the same
// client, as a rule, for clients are spread over parts of the table.
type recent [1 << 16]atomic.Uint64

// recentParts is the number of parts, a power of two.
const recentParts = 64

// queryHash returns the hash of a query. Its lowest bits, which say where it is kept,
// are the part of the client.
func queryHash(seed maphash.Seed, from netip.AddrPort, id uint16) uint64 {
	var b [20]byte
	a := from.Addr().As16()
	copy(b[:], a[:])
	binary.BigEndian.PutUint16(b[16:], from.Port())
	binary.BigEndian.PutUint16(b[18:], id)
	part := maphash.Bytes(seed, a[:]) % recentParts
	return max(recentParts, maphash.Bytes(seed, b[:]))&^(recentParts-1) | part // not 0, which is an empty place
}

func (q *recent) add(h uint64)      { q[h%uint64(len(q))].Store(h) }
func (q *recent) has(h uint64) bool { return q[h%uint64(len(q))].Load() == h }

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
