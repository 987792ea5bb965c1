package verify

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Bounds of the tracer: packets that are followed at a time, and for how long, in
// nanoseconds.
const (
	maxTraced = 1024
	traceFor  = int64(time.Second)
)

// trace is a packet that is followed.
type trace struct {
	imprint
	subject *subject // nil if it has gone
	checks  set
	proves  set    // the checks that agree if it does not come out: a rule has dropped it
	rules   *Rules // of the qube
	sample  Sample // for the checks of isolation, which fail only where it comes out
	at      int64  // own time
	older   uint64 // the number of the one before with that key, but for its mark
	found   bool
	pieces  bool   // it may leave in several, or with others
	copies  copies // of it

	awaits, answered bool // see [Verifier.await]
}

// isolation are the checks that a packet speaks against only if it comes out.
const isolation = set(1<<ISO1 | 1<<ISO3 | 1<<ISO6)

// tracer follows packets that should not come through, to see whether they do: for a second
// it looks for each of them where packets leave. What one vif may have followed at a time is
// bounded by what it leaves free for the others.
type tracer struct {
	queue  []trace // a ring: a place is that of a number
	first  uint64  // number of the oldest; none is 0
	n      int
	latest map[traceKey]uint64 // by key
	rough  map[traceKey]uint64 // by key without the mark
	short  int                 // how many have a mark that is cut off
	awaits int                 // how many may be to this machine
	to     [256]uint16         // how many go to an address, by slot
	room   *share.Pool[share.Class]
	full   uint64
}

func (t *tracer) init() {
	t.queue, t.first = make([]trace, maxTraced), 1
	t.latest, t.rough = make(map[traceKey]uint64), make(map[traceKey]uint64)
	t.room = share.NewPool[share.Class](maxTraced)
}

// numbered returns the trace with a number, nil if it has ended.
func (t *tracer) numbered(n uint64) *trace {
	if n < t.first || n >= t.first+uint64(t.n) { //nolint:gosec // not negative
		return nil
	}
	return &t.queue[n%maxTraced]
}

// slot returns that of an address.
func slot(a *packet.Addr) uint8 {
	n := binary.LittleEndian.Uint32(a[:]) ^ binary.LittleEndian.Uint32(a[12:])
	return uint8(n * 0x9e3779b1 >> 24)
}

// isTo reports whether something that is followed may go to an address: most packets need no more of a look.
func (t *tracer) isTo(a *packet.Addr) bool { return t.n != 0 && t.to[slot(a)] != 0 }

// add follows a packet of a subject, and returns nil if there is no room.
func (t *tracer) add(s *subject, x *imprint, f following, now int64) *trace {
	if t.n == len(t.queue) || !t.room.Take(s.share(), 1) {
		t.full++
		return nil
	}
	number := t.first + uint64(t.n) //nolint:gosec // not negative
	one := &t.queue[number%maxTraced]
	*one = trace{imprint: *x, subject: s, checks: f.checks, proves: f.proves, at: now, rules: s.rules, older: t.rough[x.rough()],
		awaits: f.awaits}
	t.latest[x.traceKey], t.rough[x.rough()] = number, number
	t.to[slot(&x.dst)]++
	t.short += oneIf(x.short)
	t.awaits += oneIf(f.awaits)
	t.n++
	return one
}

// see returns a packet that is followed and may be the one with an imprint, the latest first, nil if there is none.
func (t *tracer) see(x *imprint) *trace {
	if !x.short && t.short == 0 {
		return t.numbered(t.latest[x.traceKey])
	}
	var found *trace
	t.alike(x, func(one *trace) {
		if found == nil || found.found && !one.found {
			found = one
		}
	})
	return found
}

// alike calls yield with all that is followed and may be the packet with an imprint, the latest first.
func (t *tracer) alike(x *imprint, yield func(*trace)) {
	for one := t.numbered(t.rough[x.rough()]); one != nil; one = t.numbered(one.older) {
		if one.subject != nil && one.like(x) {
			yield(one)
		}
	}
}

// expire ends what was followed for long enough, and calls ended with each.
func (t *tracer) expire(now int64, ended func(*trace)) {
	for t.n > 0 && now-t.numbered(t.first).at >= traceFor {
		one := *t.numbered(t.first)
		if t.latest[one.traceKey] == t.first {
			delete(t.latest, one.traceKey)
		}
		if t.rough[one.rough()] == t.first {
			delete(t.rough, one.rough())
		}
		t.queue[t.first%maxTraced] = trace{}
		t.to[slot(&one.dst)]--
		t.short -= oneIf(one.short)
		t.awaits -= oneIf(one.awaits)
		t.first++
		t.n--
		if one.subject == nil {
			continue
		}
		t.room.Give(one.subject.share(), 1)
		ended(&one)
	}
}

// forget ends what is followed of a subject that goes.
func (t *tracer) forget(s *subject) {
	for i := range t.queue {
		if t.queue[i].subject == s {
			t.room.Give(s.share(), 1)
			t.queue[i].subject = nil
		}
	}
}

// set is a set of checks.
type set uint64

func setOf(list ...Check) (s set) {
	for _, c := range list {
		s |= 1 << c
	}
	return s
}

func (s set) has(c Check) bool { return s&(1<<c) != 0 }

// all calls yield with each check.
func (s set) all(yield func(Check) bool) {
	for ; s != 0; s &= s - 1 {
		if !yield(Check(bits.TrailingZeros64(uint64(s)))) {
			return
		}
	}
}
