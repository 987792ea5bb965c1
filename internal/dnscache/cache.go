package dnscache

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// MaxMessage is the largest message that is kept. Larger ones are rare, and a
// flood of them would push everything else out.
const MaxMessage = 4096

// shards is a power of two: enough that the readers of a small machine do not
// meet, and few enough that a shard of a small cache still holds large messages.
const shards = 8

// Cache is a cache of answers. It is safe for concurrent use.
type Cache struct {
	seed   maphash.Seed
	shards [shards]shard
	stats  counters
}

type counters struct {
	hits, misses, stale, stored, refused, evicted atomic.Uint64
}

// Stats counts what a cache has done. All but Entries, Bytes and Size are totals.
type Stats struct {
	Hits, Misses, Stale uint64
	Stored, Refused     uint64 // Refused: too large
	Evicted             uint64
	Entries             uint64
	Bytes               uint64 // of the entries
	Size                uint64 // that the cache may take
}

type shard struct {
	mu           sync.Mutex
	small, large queue // guarded by mu, as all below
	index        index
	owned        *share.Pool[share.Class] // bytes in large, by owner
	now          int64                    // time of the last Put, in seconds
	scratch      [headerLen + 3*MaxMessage]byte
}

// minSize is the least that holds some answers in each shard.
const minSize = 1 << 20

// New returns a cache that takes size bytes, one megabyte at least, the index
// included. The memory is taken as it fills.
func New(size int) *Cache {
	c := &Cache{seed: maphash.MakeSeed()}
	each := max(size, minSize) / shards
	slots := 256
	for slots*2*8 <= each/8 { // an eighth for the index: room for entries of 48 bytes and more
		slots *= 2
	}
	data := each - slots*8
	for i := range c.shards {
		s := &c.shards[i]
		s.index.slots = make([]slot, slots)
		s.small.buf = make([]byte, max(data/5, MaxMessage+1024))
		s.large.buf = make([]byte, data-len(s.small.buf))
		s.small.skip, s.large.skip = -1, -1
		s.owned = share.NewPool[share.Class](data)
	}
	return c
}

// Flags say what kind of answer an entry is.
type Flags uint8

// The flags.
const (
	Negative Flags = 1 << iota // it says that there is nothing
	Failure                    // the upstreams failed (RFC 9520)
	Aliases                    // it has CNAME, SVCB or HTTPS records
	Private                    // it has an address that is no public one
	Secure                     // the AD flag is to be believed
)

// Entry is what is kept of an answer.
type Entry struct {
	Msg    []byte   // without OPT; the id is of no meaning
	TTLs   []uint16 // offsets of the TTLs in Msg
	TTL    uint32   // seconds for which it is good
	Flags  Flags
	Stored int64       // seconds; set by Get
	Uses   uint8       // since it was stored, up to 3; set by Get
	Owner  share.Class // who has asked for it, for Put; the others lose nothing for it
	// VettedBy is the version of the caller's policy that last accepted the entry, 0
	// for none. See [Cache.SetVetted].
	VettedBy uint64
}

// Put keeps an answer under a key, in place of what was there. It copies both.
func (c *Cache) Put(key []byte, e *Entry, now int64) {
	n := headerLen + len(key) + 2*len(e.TTLs) + len(e.Msg)
	hash := maphash.Bytes(c.seed, key)
	s := &c.shards[hash%shards]
	if len(e.Msg) > MaxMessage || n > len(s.small.buf)/2 {
		c.stats.refused.Add(1)
		return
	}
	n = (n+7)&^7 + ownerLen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
	owner := e.Owner
	if i, ok := s.find(hash, key); ok {
		place := s.index.slots[i].place
		owner = s.poorer(ownerOf(s.entry(place)), owner)
		s.index.remove(hash, place) // the bytes leave with their queue
	}
	for s.index.used >= len(s.index.slots)*3/4 {
		s.evictSmall(c)
	}
	at, ok := s.small.room(n)
	for ; !ok; at, ok = s.small.room(n) {
		s.evictSmall(c)
	}
	b := s.small.push(at, n)
	write(b, n, hash, key, e, now)
	binary.LittleEndian.PutUint64(b[n-ownerLen:], uint64(owner))
	s.index.put(hash, uint32(at%len(s.small.buf))+1)
	c.stats.stored.Add(1)
}

func write(b []byte, n int, hash uint64, key []byte, e *Entry, now int64) {
	binary.LittleEndian.PutUint32(b[atSize:], uint32(n))
	binary.LittleEndian.PutUint16(b[atKeyLen:], uint16(len(key)))
	binary.LittleEndian.PutUint16(b[atTTLs:], uint16(len(e.TTLs)))
	binary.LittleEndian.PutUint64(b[atHash:], hash)
	binary.LittleEndian.PutUint64(b[atStored:], uint64(now))
	binary.LittleEndian.PutUint32(b[atTTL:], e.TTL)
	binary.LittleEndian.PutUint16(b[atMsgLen:], uint16(len(e.Msg)))
	b[atFlags], b[atUses] = byte(e.Flags), 0
	binary.LittleEndian.PutUint64(b[atVettedBy:], e.VettedBy)
	p := headerLen + copy(b[headerLen:], key)
	for _, t := range e.TTLs {
		binary.LittleEndian.PutUint16(b[p:], t)
		p += 2
	}
	copy(b[p:], e.Msg)
}

// entry returns the entry at a place.
func (s *shard) entry(place uint32) []byte {
	if place&inLarge != 0 {
		return s.large.at(int(place&^inLarge) - 1)
	}
	return s.small.at(int(place) - 1)
}

func (s *shard) find(hash uint64, key []byte) (int, bool) {
	return s.index.find(hash, func(place uint32) bool {
		b := s.entry(place)
		return bytes.Equal(b[headerLen:headerLen+int(binary.LittleEndian.Uint16(b[atKeyLen:]))], key)
	})
}

// placeOf returns the place of the oldest entry of a queue.
func placeOf(q *queue, flag uint32) uint32 { return (uint32(q.tail%len(q.buf)) + 1) | flag }

// current reports whether an entry is what the index says of its key, and not
// one that has been replaced.
func (s *shard) current(b []byte, place uint32) bool {
	_, ok := s.index.find(binary.LittleEndian.Uint64(b[atHash:]), func(p uint32) bool { return p == place })
	return ok
}

// evictSmall removes the oldest entry of the small queue, into the large one if it was
// asked for again or its owner has less than others.
func (s *shard) evictSmall(c *Cache) {
	b := s.small.oldest()
	if b == nil {
		s.evictLarge(c)
		return
	}
	place := placeOf(&s.small, 0)
	if s.current(b, place) {
		s.index.remove(binary.LittleEndian.Uint64(b[atHash:]), place)
		if b[atUses] > 0 || s.deserves(b) {
			s.promote(c, b)
		} else {
			c.stats.evicted.Add(1)
		}
	}
	s.small.pop()
}

// promote moves an entry into the large queue.
func (s *shard) promote(c *Cache, b []byte) {
	at, ok := s.large.room(len(b))
	for ; !ok; at, ok = s.large.room(len(b)) {
		s.evictLarge(c)
	}
	to := s.large.push(at, len(b))
	copy(to, b)
	to[atUses] = 0
	s.owned.Add(ownerOf(to), len(to))
	s.index.put(binary.LittleEndian.Uint64(b[atHash:]), (uint32(at%len(s.large.buf))+1)|inLarge)
}

// evictLarge removes the oldest entry of the large queue. One that is in use
// goes round once more for each use, and one of an owner that has less than others
// until it expires.
func (s *shard) evictLarge(c *Cache) {
	b := s.large.oldest()
	if b == nil {
		return
	}
	place := placeOf(&s.large, inLarge)
	hash := binary.LittleEndian.Uint64(b[atHash:])
	if !s.current(b, place) {
		s.popLarge()
		return
	}
	s.index.remove(hash, place)
	if b[atUses] == 0 && !s.protects(b) {
		s.popLarge()
		c.stats.evicted.Add(1)
		return
	}
	keep := s.scratch[:copy(s.scratch[:], b)]
	s.popLarge()
	at, ok := s.large.room(len(keep))
	if !ok {
		c.stats.evicted.Add(1)
		return
	}
	keep[atUses] = max(keep[atUses], 1) - 1
	copy(s.large.push(at, len(keep)), keep)
	s.owned.Add(ownerOf(keep), len(keep))
	s.index.put(hash, (uint32(at%len(s.large.buf))+1)|inLarge)
}
