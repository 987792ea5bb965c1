package verify

import (
	"encoding/binary"
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

// traceKey finds a packet again on another interface: masquerading changes the source, and
// leaves destination and size. mark tells it from another qube's of that size to there.
type traceKey struct {
	dst   packet.Addr
	size  uint32 // of transport header and payload, bytes
	mark  uint32
	port  uint16
	proto uint8
}

func traceKeyOf(p *packet.Packet, frame []byte) traceKey {
	k := traceKey{dst: p.Dst, port: p.DstPort, proto: p.Proto, size: p.Length - min(p.Length, p.TransportAt), mark: markOf(p, frame)}
	if p.IsICMP() {
		k.port = uint16(p.ICMPType)
	}
	return k
}

// markOf returns what a packet has after its ports that masquerading leaves as it is: the sequence
// number of TCP, the first bytes of a UDP payload, sequence number and data of an ICMP query. An
// ICMP error has none, because the packet in it is translated, too.
func markOf(p *packet.Packet, frame []byte) uint32 {
	t := p.Transport(frame)
	switch {
	case !p.HasL4:
	case p.Proto == packet.ProtoTCP:
		return sequence(p, frame)
	case p.Proto == packet.ProtoUDP && len(t) >= 12:
		return binary.BigEndian.Uint32(t[8:])
	case isQuery(p):
		return markOfQuery(t)
	}
	return 0
}

// markOfQuery returns a hash of what an ICMP query has after its identifier. What ping puts first
// there is the time.
func markOfQuery(t []byte) (mark uint32) {
	const from, upTo = 6, 40
	for i := from; i < min(len(t), upTo); i++ {
		mark = mark*31 + uint32(t[i])
	}
	return mark
}

// trace is a packet that is followed.
type trace struct {
	key     traceKey
	subject *subject
	checks  set
	rules   *Rules // of the qube
	sample  Sample // for the checks of isolation, which fail only where it comes out
	at      int64  // own time
	found   bool
	proves  bool // that it does not come out says that a rule has dropped it
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

// add follows a packet of a subject for the sake of some checks. proves says that it would come
// out if no rule dropped it; one with the last hop of its TTL never does.
func (t *tracer) add(s *subject, p *packet.Packet, frame []byte, checks set, now int64, proves bool) {
	if t.n == len(t.queue) || !t.room.Take(s.share(), 1) {
		t.full++
		return
	}
	i := (t.head + t.n) % len(t.queue)
	k := traceKeyOf(p, frame)
	t.queue[i] = trace{key: k, subject: s, checks: checks, at: now, rules: s.rules, proves: proves && hops(p, frame) > 1}
	if checks&isolation != 0 {
		t.queue[i].sample = sampleOf(s, p, frame, "")
	}
	t.index[k] = i
	t.n++
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
	for c := range checks {
		if s.has(c) && !yield(c) {
			return
		}
	}
}
