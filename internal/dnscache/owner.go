package dnscache

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// ownerOf returns the owner of an entry.
func ownerOf(b []byte) share.Class {
	return share.Class(binary.LittleEndian.Uint64(b[len(b)-ownerLen:]))
}

// good reports whether an entry has not expired.
func (s *shard) good(b []byte) bool {
	return int64(binary.LittleEndian.Uint64(b[atStored:]))+int64(binary.LittleEndian.Uint32(b[atTTL:])) > s.now
}

// deserves reports whether an entry moves to the large queue although it was not
// asked for again: its owner has less of that queue than an equal share.
func (s *shard) deserves(b []byte) bool {
	return s.good(b) && (s.owned.Held(ownerOf(b))+len(b))*(s.owned.Classes()+1) < len(s.large.buf)
}

// protects reports whether an entry stays in the large queue although it was not
// asked for lately: its owner has less of what is in there than the others on average.
// Some owner always has as much as that or more, and pays for what comes in.
func (s *shard) protects(b []byte) bool {
	return s.good(b) && s.owned.Held(ownerOf(b))*s.owned.Classes() < s.owned.Used()
}

// poorer returns the owner of an answer that is fetched again: the one of the two that
// has less, so that no client can take over the answers of others and push them out.
func (s *shard) poorer(before, now share.Class) share.Class {
	if s.owned.Held(before) < s.owned.Held(now) {
		return before
	}
	return now
}

// popLarge removes the oldest entry of the large queue.
func (s *shard) popLarge() {
	b := s.large.oldest()
	s.owned.Give(ownerOf(b), len(b))
	s.large.pop()
}
