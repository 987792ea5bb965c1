package behaviour

import (
	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/walk"
)

// subject is a client and what is known of it: some 16 KiB without its baseline.
type subject struct {
	name       string
	id         uint32
	at         int   // its place in Engine.all
	last       int64 // time of the latest observation
	base       baseline.Baseline
	walk       walk.Walker
	generated  names.Generated
	day        names.Day
	daySamples [3]string // of its names
	oddNames   [4]string // samples of the latest odd domains
	oddAt      uint8
	seldom     seldom
	asked      lately
	resolves   int64     // since when its queries are seen, 0 if they are not
	resolver   [2]uint64 // hashes of the latest two servers that differ and have answered them
	uploads    [64]upload
	targets    [32]target
	logins     [8]logins
	requests   [8]requests
	contacts   [2]activity // the latest two destinations that differ
	told       int64       // the hour for which firstSeen has counted
	firsts     int         // first contacts that were reported in that hour
	flows      uint32      // that could have been resolved
	direct     uint32      // of these, that were not
	oddHour    int64       // day of the latest odd-hours finding
	rates      [Rules]rate
	longs      rate // long connections, in a day
}

// rate counts the findings of a rule in an hour, or a day.
type rate struct {
	hour int64
	n    uint32
}

// activity is when a destination was contacted.
type activity struct {
	dest uint64
	at   int64
}

// upload is what was sent to a destination within an hour and a day.
type upload struct {
	dest     uint64
	hour     int64
	up, down uint64
	day      int64
	dayUp    uint64
	dayDown  uint64
}

// target is a neighbour that was contacted.
type target struct {
	hash uint64
	at   int64
}

// candidate counts the contacts with a destination until they are worth a series.
type candidate struct {
	hash        uint64
	first, last int64
	n           uint8
}

// seldom holds the candidates of a client.
type seldom [128]candidate

// contact records a contact at a time and returns the candidate once it was made for the
// third time within a day.
func (s *seldom) contact(hash uint64, at int64) *candidate {
	c := &s[hash%uint64(len(s))]
	if c.hash != hash {
		if c.n > 0 && at-c.last < 60e9 && at >= c.last { // the one that is there is in use
			c.n--
			return nil
		}
		*c = candidate{hash: hash, first: at, last: at, n: 1}
		return nil
	}
	if at-c.last > day || at < c.last {
		*c = candidate{hash: hash, first: at, last: at, n: 1}
		return nil
	}
	if at-c.last < 1e9 { // the same check-in
		return nil
	}
	if c.n++; c.n < 3 {
		c.last = at
		return nil
	}
	return c
}

// near records a contact and returns how long ago the client was in contact with another
// destination.
func (s *subject) near(dest uint64, at int64) (since int64) {
	other := s.contacts[0]
	if other.dest == dest {
		other = s.contacts[1]
	} else {
		s.contacts[1] = s.contacts[0]
	}
	s.contacts[0] = activity{dest, at}
	if other.at == 0 {
		return day
	}
	return at - other.at
}
