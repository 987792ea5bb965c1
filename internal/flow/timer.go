package flow

import "math"

// backJump is how far, in nanoseconds, the packets' clock may go back before it
// counts as a clock that was set, as after a resume from suspend. Less than this
// is reordering between queues, interfaces or files.
const backJump = 60e9

// tick moves table time to the packet time ts, fires the timers that have become
// due and returns table time. Records carry the packets' times; table time serves
// the timeouts only. It begins at tableEpoch and never goes back: after the
// packets' clock has jumped, all times are shifted. A jump forward counts for no
// more than maxGap, which ends every flow, so that no timestamps, however wild,
// can make table time overflow.
func (t *Table) tick(ts int64) int64 {
	if at := ts + t.skew; at >= t.now && at < t.wheel.nextAt && !t.restarted { // nothing is due: nearly always
		t.now = at
		return at
	}
	return t.move(ts)
}

// move is tick where the clock may have jumped, or something is due.
func (t *Table) move(ts int64) int64 {
	at := ts + t.skew
	switch gap := at - t.now; {
	case gap > t.maxGap || gap < -backJump || t.restarted:
		at = t.jump(ts, gap)
		fallthrough
	case gap > 0:
		t.now = at
		if at >= t.wheel.nextAt {
			t.fire(at)
		}
	}
	return t.now
}

// tableEpoch is where table time begins: far enough from 0 that any timeout can be
// subtracted.
const tableEpoch = 1 << 60

// jump shifts the packets' clock and returns the table time of ts.
func (t *Table) jump(ts, gap int64) (at int64) {
	switch {
	case t.now == 0:
		at = tableEpoch
	case t.restarted:
		at = t.now
	case gap > 0:
		at = t.now + t.maxGap
	default:
		at = t.now
		t.stats.TimeJumps++
	}
	t.skew, t.restarted = at-ts, false
	return at
}

// Advance moves the table's clock to now, nanoseconds since the Unix epoch on the
// packets' clock, and reports what has become due. A live capture calls it when
// no packet comes.
func (t *Table) Advance(now int64) { t.tick(now) }

// NextExpiry returns the time on the packets' clock from which Advance has
// something to do: to end a flow, to report it or to look whether it is due. ok
// is false if no flow is live. Looking for it takes up to a microsecond.
func (t *Table) NextExpiry() (at int64, ok bool) {
	if t.entries.live == 0 {
		return 0, false
	}
	return t.wheel.next() - t.skew, true
}

// fire visits the wheel's slots up to now.
func (t *Table) fire(now int64) {
	first, n := t.wheel.advance(now)
	for ; n > 0; n-- {
		i := t.wheel.take(first)
		for i != none {
			e := t.entries.at(i)
			next := e.next
			e.slot = -1
			t.visit(i, e, now)
			i = next
		}
		first++
	}
}

// visit does what is due for a flow whose timer has fired and, unless the flow has
// ended, arms the timer again. Packets do not move the timer, so it may fire early.
func (t *Table) visit(i uint32, e *entry, now int64) {
	if e.place != 0 {
		t.absorb(e)
	}
	if now-e.touched > t.timeout(e) {
		t.end(i, e, e.endReason(ReasonIdle))
		return
	}
	if t.active > 0 && now-e.activeFrom >= t.active {
		t.report(e, ReasonActive)
		e.activeFrom, e.reportFrom = now, now
		e.facts |= split | fresh
	} else if t.period > 0 && now-e.reportFrom >= t.period {
		if !e.is(reported) {
			t.report(e, ReasonNone)
		}
		e.reportFrom = now
	}
	t.wheel.add(i, e, t.due(e), &t.entries)
}

// timeout returns how long the flow may be silent, in nanoseconds.
func (t *Table) timeout(e *entry) int64 {
	if e.is(closing) {
		return t.lingerTime
	}
	return t.idle
}

// due returns the table time at which the flow has to be visited next.
func (t *Table) due(e *entry) int64 {
	at := e.touched + t.timeout(e) + 1
	if t.active > 0 {
		at = min(at, e.activeFrom+t.active)
	}
	if t.period > 0 {
		at = min(at, e.reportFrom+t.period)
	}
	return at
}

// wheel is a timing wheel: a ring of slots, each a list of the flows to visit in
// one tick of table time. A timer beyond the end of the ring waits in the last
// slot and is added again from there.
type wheel struct {
	heads  [wheelSlots]uint32
	tick   int64 // nanoseconds per slot
	at     int64 // number of the next tick to visit
	nextAt int64 // table time of that tick
}

const (
	wheelSlots = 1024
	none       = math.MaxUint32 // the number of no entry
)

// init chooses the tick: a 64th of the idle timeout, or an eighth of the linger
// time if that is shorter, but at least 10 ms. So a record is late by a small part
// of what it has waited for.
func (w *wheel) init(idle, linger int64) {
	w.tick = max(min(idle/64, linger/8), 10e6)
	for i := range w.heads {
		w.heads[i] = none
	}
}

// advance moves the wheel past now and returns the first tick to visit and how
// many there are. A jump over the whole ring visits each slot once.
func (w *wheel) advance(now int64) (first, n int64) {
	first = w.at
	last := now / w.tick
	w.at, w.nextAt = last+1, (last+1)*w.tick
	if n = last - first + 1; n > wheelSlots {
		first, n = last-wheelSlots+1, wheelSlots
	}
	return first, n
}

// next returns the time of the first tick to visit that has a flow. There must be
// one.
func (w *wheel) next() int64 {
	for tick := w.at; tick < w.at+wheelSlots; tick++ {
		if w.heads[uint64(tick)%wheelSlots] != none {
			return tick * w.tick
		}
	}
	return w.nextAt
}

// take empties the slot of a tick and returns its first entry, or none.
func (w *wheel) take(tick int64) uint32 {
	head := &w.heads[uint64(tick)%wheelSlots]
	i := *head
	*head = none
	return i
}

// add arms the timer of an entry that is in no slot.
func (w *wheel) add(i uint32, e *entry, due int64, all *entries) {
	tick := max(due/w.tick, w.at)
	tick = min(tick, w.at+wheelSlots-1)
	e.slot = int16(uint64(tick) % wheelSlots)
	head := &w.heads[e.slot]
	e.prev, e.next = none, *head
	if *head != none {
		all.at(*head).prev = i
	}
	*head = i
}

// remove disarms the timer of an entry, if it is armed.
func (w *wheel) remove(i uint32, e *entry, all *entries) {
	if e.slot < 0 {
		return
	}
	if e.prev != none {
		all.at(e.prev).next = e.next
	} else if w.heads[e.slot] == i {
		w.heads[e.slot] = e.next
	}
	if e.next != none {
		all.at(e.next).prev = e.prev
	}
	e.slot = -1
}
