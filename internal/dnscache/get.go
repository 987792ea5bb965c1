package dnscache

import (
	"encoding/binary"
	"hash/maphash"
)

// Get appends the message under a key to dst and fills e. Its TTLs are those at
// the time now: an expired answer has TTLs of 0, and Left says for how
// long. It reports false, and has appended nothing, if there is none or it has been
// past its time for more than stale seconds. e.Msg is the appended
// message; e.TTLs is left alone. It does not allocate where dst has room.
func (c *Cache) Get(dst, key []byte, now, stale int64, e *Entry) (out []byte, ok bool) {
	hash := maphash.Bytes(c.seed, key)
	s := &c.shards[hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.find(hash, key)
	if !ok {
		c.stats.misses.Add(1)
		return dst, false
	}
	b := s.entry(s.index.slots[i].place)
	e.Stored = int64(binary.LittleEndian.Uint64(b[atStored:]))
	e.TTL = binary.LittleEndian.Uint32(b[atTTL:])
	left := e.Left(now)
	if left <= -stale || now < e.Stored-clockSlack {
		c.stats.misses.Add(1)
		return dst, false
	}
	if b[atUses] < 3 {
		b[atUses]++
	}
	e.Flags, e.Uses, e.VettedBy = Flags(b[atFlags]), b[atUses], binary.LittleEndian.Uint64(b[atVettedBy:])
	if left > 0 {
		c.stats.hits.Add(1)
	} else {
		c.stats.stale.Add(1)
	}
	return appendMsg(dst, b, uint32(max(0, now-e.Stored)), e), true
}

// clockSlack is by how many seconds an entry may be newer than now. One that is
// newer still was stored by a clock that has been set back since, and its age is
// not known.
const clockSlack = 2

// Left returns for how many seconds the entry is still valid. It is negative once
// the entry has expired.
func (e *Entry) Left(now int64) int64 { return e.Stored + int64(e.TTL) - max(now, e.Stored) }

// appendMsg appends the message of an entry with its TTLs lowered by its age.
func appendMsg(dst, b []byte, age uint32, e *Entry) []byte {
	n := headerLen + int(binary.LittleEndian.Uint16(b[atKeyLen:]))
	ttls := b[n : n+2*int(binary.LittleEndian.Uint16(b[atTTLs:]))]
	n += len(ttls)
	start := len(dst)
	dst = append(dst, b[n:n+int(binary.LittleEndian.Uint16(b[atMsgLen:]))]...)
	e.Msg = dst[start:]
	for ; len(ttls) > 0; ttls = ttls[2:] {
		at := e.Msg[binary.LittleEndian.Uint16(ttls):]
		ttl := binary.BigEndian.Uint32(at)
		binary.BigEndian.PutUint32(at, ttl-min(ttl, age))
	}
	return dst
}

// SetVetted records the version of a policy that accepted the entry under a key, if
// that is still the one that was stored at the given time.
func (c *Cache) SetVetted(key []byte, stored int64, version uint64) {
	hash := maphash.Bytes(c.seed, key)
	s := &c.shards[hash%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.find(hash, key); ok {
		b := s.entry(s.index.slots[i].place)
		if int64(binary.LittleEndian.Uint64(b[atStored:])) == stored {
			binary.LittleEndian.PutUint64(b[atVettedBy:], version)
		}
	}
}

// Flush removes all entries.
func (c *Cache) Flush() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		clear(s.index.slots)
		s.index.used = 0
		s.small = queue{buf: s.small.buf, skip: -1}
		s.large = queue{buf: s.large.buf, skip: -1}
		s.owned.Reset()
		s.mu.Unlock()
	}
}

// Stats returns the counters.
func (c *Cache) Stats() Stats {
	s := Stats{Hits: c.stats.hits.Load(), Misses: c.stats.misses.Load(), Stale: c.stats.stale.Load(),
		Stored: c.stats.stored.Load(), Refused: c.stats.refused.Load(), Evicted: c.stats.evicted.Load()}
	for i := range c.shards {
		h := &c.shards[i]
		h.mu.Lock()
		s.Entries += uint64(h.index.used)
		s.Bytes += uint64(h.small.head - h.small.tail + h.large.head - h.large.tail)
		s.Size += uint64(len(h.small.buf) + len(h.large.buf) + 8*len(h.index.slots))
		h.mu.Unlock()
	}
	return s
}
