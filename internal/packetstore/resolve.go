package packetstore

import (
	"math"
	"math/rand/v2"
	"time"
)

// resolve finds out whose segment it is. Until that is known, or Hold is over, or force
// is set, nothing of it is written.
func (s *Store) resolve(g *segment, force bool) {
	if g.resolved || g.excluded {
		return
	}
	h, known := s.conf.Names(g.iface, time.Unix(0, g.began))
	if !known && !h.Excluded && !force && s.conf.Now().Sub(g.seen) < s.conf.Hold {
		return
	}
	g.holder, g.known = h, known
	g.qube = "_" + folderOf(h.Vif)
	if known && h.Name != "" {
		g.qube = folderOf(h.Name)
	}
	limits := s.conf.Limits(h.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.Excluded {
		s.exclude(g)
		return
	}
	g.resolved, g.held = true, false
	if st := s.streams[g.iface]; st != nil {
		st.named = known
	}
	g.headers = g.headers || limits.HeadersOnly
	if limits.FlowLimit != 0 {
		g.flowLimit = limits.FlowLimit
	}
	for i := range g.notes.flows { // that began before it was known
		sl := g.notes.slot(i)
		sl.limit = s.limitOf(g, sl)
	}
}

// exclude discards a segment and all that comes after it.
func (s *Store) exclude(g *segment) {
	g.excluded = true
	st := s.streams[g.iface]
	if st == nil {
		return
	}
	st.excluded = true
	if st.seg == g {
		s.seal(st, "excluded")
	}
}

// jitter returns a limit, a quarter more or less, so that no one can know where a flow is
// cut; 0 without limit.
func jitter(limit int64) uint32 {
	if limit <= 0 {
		return 0
	}
	return uint32(min(limit*3/4+rand.Int64N(limit/2+1), math.MaxUint32))
}

// look compares the holders of all streams with what is known now, and seals segments
// that are old.
func (s *Store) look() {
	now := s.conf.Now()
	for _, st := range s.allStreams() {
		h, known := s.conf.Names(st.iface, now)
		s.mu.Lock()
		s.review(st, &h, known, now)
		s.mu.Unlock()
	}
}

// allStreams returns the streams of this moment.
func (s *Store) allStreams() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*stream, 0, len(s.streams))
	for _, st := range s.streams {
		all = append(all, st)
	}
	return all
}

// review does what a look at one stream asks for.
func (s *Store) review(st *stream, h *Holder, known bool, now time.Time) {
	g := st.seg
	switch {
	case s.streams[st.iface] != st:
	case st.excluded:
		if st.excluded = h.Excluded || !known; !known && h.Vif == "" {
			s.forgetStream(st)
		}
	case h.Excluded && g == nil:
		st.excluded = true
	case g == nil:
		s.forgetStream(st)
	case !g.resolved: // not written yet
	case h.Excluded:
		st.excluded = true
		s.seal(st, "excluded")
	case known && (h.Name != g.holder.Name || !g.known), s.left(st, known, now):
		s.seal(st, "name")
	case now.Sub(g.seen) >= s.conf.Segment.Age:
		s.seal(st, "age")
	}
}

// left reports whether the name of the qube on a stream has not been known for as long as a new one
// is waited for: what it sends is not stored under that name any more. One that is shutting down may
// be out of the inventory before its vif is gone.
func (s *Store) left(st *stream, known bool, now time.Time) bool {
	switch {
	case known || !st.seg.known:
		st.nameless = time.Time{}
	case st.nameless.IsZero():
		st.nameless = now
	default:
		st.named = now.Sub(st.nameless) < s.conf.Hold
		return !st.named
	}
	return false
}

// forgetStream forgets a stream that has no segment.
func (s *Store) forgetStream(st *stream) {
	delete(s.streams, st.iface)
	if s.recent == st {
		s.recent = nil
	}
}
