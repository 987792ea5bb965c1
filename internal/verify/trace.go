package verify

import (
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
	key      traceKey
	subject  *subject
	checks   set
	proves   set    // the checks that agree if it does not come out: a rule has dropped it
	rules    *Rules // of the qube
	sample   Sample // for the checks of isolation, which fail only where it comes out
	at       int64  // own time
	found    bool
	repeated bool // another one with that key is followed
}

// isolation are the checks that a packet speaks against only if it comes out.
const isolation = set(1<<ISO1 | 1<<ISO3 | 1<<ISO6)

// tracer follows packets that should not come through, to see whether they do: for a second
// it looks for each of them where packets leave. What one vif may have followed at a time is
// bounded by what it leaves free for the others.
type tracer struct {
	queue []trace // a ring
	head  int
	n     int
	index map[traceKey]int // of the last with that key
	room  *share.Pool[share.Class]
	full  uint64
}

func (t *tracer) init() {
	t.queue = make([]trace, maxTraced)
	t.index = make(map[traceKey]int)
	t.room = share.NewPool[share.Class](maxTraced)
}

// add follows a packet of a subject, and returns nil if there is no room.
func (t *tracer) add(s *subject, p *packet.Packet, frame []byte, f following, now int64) *trace {
	if t.n == len(t.queue) || !t.room.Take(s.share(), 1) {
		t.full++
		return nil
	}
	i := (t.head + t.n) % len(t.queue)
	one := &t.queue[i]
	*one = trace{key: traceKeyOf(p, frame), subject: s, checks: f.checks, proves: f.proves, at: now, rules: s.rules}
	if f.checks&isolation != 0 {
		one.sample = sampleOf(s, p, frame, "")
	}
	if before, ok := t.index[one.key]; ok {
		t.queue[before].repeated, one.repeated = true, true
	}
	t.index[one.key] = i
	t.n++
	return one
}

// see returns the packet that is followed and that leaves here, nil if it is none.
func (t *tracer) see(p *packet.Packet, frame []byte) *trace {
	if t.n == 0 {
		return nil
	}
	i, ok := t.index[traceKeyOf(p, frame)]
	if !ok || t.queue[i].found || t.queue[i].subject == nil {
		return nil
	}
	return &t.queue[i]
}

// alike calls yield with all that is followed and has the key of one.
func (t *tracer) alike(one *trace, yield func(*trace)) {
	if !one.repeated {
		yield(one)
		return
	}
	key := one.key
	for n := range t.n {
		if other := &t.queue[(t.head+n)%len(t.queue)]; other.subject != nil && other.key == key {
			yield(other)
		}
	}
}

// expire ends what was followed for long enough, and calls ended with each.
func (t *tracer) expire(now int64, ended func(*trace)) {
	for t.n > 0 && now-t.queue[t.head].at >= traceFor {
		one := t.queue[t.head]
		if t.index[one.key] == t.head {
			delete(t.index, one.key)
		}
		t.queue[t.head] = trace{}
		t.head = (t.head + 1) % len(t.queue)
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
