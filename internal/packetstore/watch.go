package packetstore

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Watch says whose packets are stored without a limit per flow until a time. Exactly one
// of Qube, Addr and CommunityID is set. While it lasts, the qubes that have such packets
// are the last ones to lose packets for want of room.
type Watch struct {
	Qube        string
	Addr        netip.Addr // of either end
	CommunityID string     // version 1, with seed 0
	Until       time.Time
	Flows       uint64 // that it has applied to: one that goes on in the next segment counts again
}

// String returns what is watched.
func (w *Watch) String() string {
	switch {
	case w.Qube != "":
		return w.Qube
	case w.CommunityID != "":
		return w.CommunityID
	}
	return w.Addr.String()
}

// maxWatches bounds the watches, each of which is compared with every new flow. maxLifts
// bounds the flows of findings and verdicts: 1 MB.
const (
	maxWatches = 64
	maxLifts   = 8192
)

// ErrWatches is wrapped by the error of [Store.Watch] if there are too many.
var ErrWatches = errors.New("packetstore: too many watches")

// watches are what the limit per flow does not apply to.
type watches struct {
	list    []watching
	lifts   map[pair]int64 // flows, and until when, Unix nanoseconds
	refused uint64         // lifts that there was no room for
}

// watching is a watch as flows are compared with it.
type watching struct {
	Watch
	folder string // of its qube
	number uint64 // of its Community ID
	until  int64
}

// pair is the ends of a flow, the smaller one first.
type pair struct {
	a, b  netip.AddrPort
	proto uint8
}

func pairOf(f *FlowInfo) pair {
	a, b := netip.AddrPortFrom(f.Source, f.SourcePort), netip.AddrPortFrom(f.Destination, f.DestinationPort)
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return pair{a, b, f.Protocol}
}

// Watch begins a watch, or changes the end of one. An end that is past ends it.
func (s *Store) Watch(w Watch) error {
	one := watching{Watch: w, until: w.Until.UnixNano()}
	one.Flows = 0
	switch {
	case w.CommunityID != "":
		n, ok := communityText(w.CommunityID)
		if !ok {
			return fmt.Errorf("watching %s: that is no Community ID", w.CommunityID)
		}
		one.number = n
	case w.Qube != "":
		one.folder = folderOf(w.Qube)
	case !w.Addr.IsValid():
		return errors.New("watching: neither a qube nor an address nor a flow is given")
	}
	if err := s.enterWatch(&one); err != nil {
		return fmt.Errorf("watching %s: %w", w.String(), err)
	}
	s.liftOpen(&one)
	return nil
}

// enterWatch enters a watch, in place of one of the same.
func (s *Store) enterWatch(w *watching) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches.expire(s.conf.Now().UnixNano(), w)
	if len(s.watches.list) >= maxWatches {
		return fmt.Errorf("%w: there are %d", ErrWatches, maxWatches)
	}
	if w.until > s.conf.Now().UnixNano() {
		s.watches.list = append(s.watches.list, *w)
	}
	return nil
}

// expire removes what is over, and the watch of the same, which may be nil.
func (w *watches) expire(now int64, same *watching) {
	var left []watching
	for _, one := range w.list {
		if one.until > now && (same == nil || one.String() != same.String()) {
			left = append(left, one)
		}
	}
	w.list = left
	for p, until := range w.lifts {
		if until <= now {
			delete(w.lifts, p)
		}
	}
}

// Watches returns the watches that last.
func (s *Store) Watches() (all []Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.conf.Now().UnixNano()
	for i := range s.watches.list {
		if w := &s.watches.list[i]; w.until > now {
			all = append(all, w.Watch)
		}
	}
	return all
}

// Lift lifts the limit of a flow, of which Key and Born do not matter, until a time. It
// allocates little and never waits. Beyond 8,192 flows it does nothing.
func (s *Store) Lift(f *FlowInfo, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches.lifts == nil {
		s.watches.lifts = map[pair]int64{}
	}
	p := pairOf(f)
	if _, ok := s.watches.lifts[p]; !ok && len(s.watches.lifts) >= maxLifts {
		s.watches.refused++
		return
	}
	s.watches.lifts[p] = max(s.watches.lifts[p], until.UnixNano())
}

// limitOf returns the limit of a flow that a segment has now.
func (s *Store) limitOf(g *segment, sl *slot) uint32 {
	if s.watched(g, sl) {
		return 0
	}
	return jitter(g.flowLimit)
}

// watched reports whether no limit applies to a flow.
func (s *Store) watched(g *segment, sl *slot) (yes bool) {
	if len(s.watches.list) == 0 && len(s.watches.lifts) == 0 {
		return false
	}
	for i := range s.watches.list {
		if w := &s.watches.list[i]; w.matches(g, sl) {
			w.Flows++
			g.spared = max(g.spared, w.until)
			yes = true
		}
	}
	return yes || s.lifted(sl)
}

// lifted reports whether the limit of a flow was lifted after it began.
func (s *Store) lifted(sl *slot) bool {
	if len(s.watches.lifts) == 0 {
		return false
	}
	f := sl.info()
	until, ok := s.watches.lifts[pairOf(&f)]
	return ok && until > s.conf.Now().UnixNano()
}

func (w *watching) matches(g *segment, sl *slot) bool {
	switch {
	case w.folder != "":
		return g.resolved && g.qube == w.folder
	case w.CommunityID != "":
		return communityNumber(sl) == w.number
	}
	return addr(&sl.source, sl.family) == w.Addr || addr(&sl.dest, sl.family) == w.Addr
}

// liftOpen lifts the limit of the flows that a new watch matches, in pieces, so that the
// meter does not wait.
func (s *Store) liftOpen(w *watching) {
	for _, st := range s.allStreams() {
		for at := uint32(0); ; at += slotBlockSize {
			if !s.liftBlock(st, w, at) {
				break
			}
		}
	}
}

// liftBlock looks at the flows of one block, and reports whether there are more.
func (s *Store) liftBlock(st *stream, w *watching, at uint32) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := st.seg
	if g == nil {
		return false
	}
	end := min(at+slotBlockSize, g.notes.flows)
	for i := at; i < end; i++ {
		if sl := g.notes.slot(i); w.matches(g, sl) {
			sl.limit = 0
			g.spared = max(g.spared, w.until)
		}
	}
	return end < g.notes.flows
}

// spare notes until when a qube is to lose nothing for want of room, if others have
// something to lose.
func (w *writer) spare(g *segment) {
	if g.spared == 0 {
		return
	}
	if w.spared == nil {
		w.spared = map[string]int64{}
	}
	w.spared[g.qube] = max(w.spared[g.qube], g.spared)
}

// spares reports whether a qube is spared at a time.
func (w *writer) spares(folder string, now int64) bool {
	until, ok := w.spared[folder]
	if ok && until <= now {
		delete(w.spared, folder)
	}
	return ok && until > now
}
