package baseline

import "math"

// MaxSlots is the size of the largest table of a qube: 3,584 entries.
const MaxSlots = 4096

// EntrySize is what an entry takes, in bytes.
const EntrySize = 24

// Baseline is what a qube usually does. The zero value knows nothing. It is not safe for
// concurrent use.
type Baseline struct {
	table   table
	first   int64 // time of the first observation
	last    int64 // time of the latest observation
	learned int64 // when learning was over, 0 if it is not
	uses    [Kinds]uint32
	once    [Kinds]uint32 // things that were used in one slot only
	days    uint16        // days with observations
	day     uint32        // of the latest of them, which is not the last if the clock was set
	evicted uint64
	hours   Hours
}

// Grow asks for more slots of the table, in entries, and reports whether there is room. It
// is called before the table grows.
type Grow func(slots int) bool

// Observe records a use of a thing and returns its entry, which is valid until the next
// Observe. fresh reports whether it is the first use. If grow refuses, the baseline loses
// an old entry of its own.
func (b *Baseline) Observe(k Kind, hash uint64, at int64, grow Grow) (e *Entry, fresh bool) {
	b.touch(at)
	slot := slotOf(at)
	if e = b.table.find(k, hash); e != nil {
		if slot > e.last {
			b.use(e, slot)
		}
		return e, false
	}
	b.makeRoom(hash, grow)
	b.uses[k]++
	b.once[k]++
	return b.table.insert(Entry{hash: hash, what: uint8(k), first: slot, last: slot, uses: 1}), true
}

// use counts another slot in which a thing was contacted.
func (b *Baseline) use(e *Entry, slot uint32) {
	if e.single() && b.once[e.kind()] > 0 {
		b.once[e.kind()]--
	}
	e.what &^= oneContact
	b.count(e, slot)
}

// count counts another slot in which a thing was used.
func (b *Baseline) count(e *Entry, slot uint32) {
	e.last = slot
	if e.uses < math.MaxUint16 {
		e.uses++
	}
	if b.uses[e.kind()] < math.MaxUint32 {
		b.uses[e.kind()]++
	}
}

// GoOn records that a connection with a thing goes on, whose entry is e. That is a use if there was no
// other one in the slot, so that a qube with one connection for weeks is learned, and one that opens
// many seems no steadier than it is. What was contacted once stays that.
func (b *Baseline) GoOn(e *Entry, at int64) {
	slot := slotOf(at)
	quiet := slot > slotOf(b.last)
	b.touch(at)
	switch {
	case slot <= e.last:
		return
	case !quiet:
		e.last = slot
		return
	case e.uses == 1:
		e.what |= oneContact
	}
	b.count(e, slot)
}

// makeRoom makes sure that an entry can be inserted.
func (b *Baseline) makeRoom(hash uint64, grow Grow) {
	t := &b.table
	if !t.full() {
		return
	}
	more := max(MinSlots, len(t.slots))
	if len(t.slots) == 0 || len(t.slots) < MaxSlots && grow(more) {
		t.grow()
		return
	}
	t.evict(hash)
	b.evicted++
}

// touch counts days.
func (b *Baseline) touch(at int64) {
	if b.first == 0 || at < b.first {
		b.first = at
	}
	b.last = max(b.last, at)
	day := slotOf(at) / slotsADay
	if day <= b.day && b.day <= day+1 { // packets around midnight may change places
		return
	}
	b.day = day
	b.days += uint16(min(1, math.MaxUint16-uint(b.days)))
}

// Find returns the entry of a thing, nil if it was never used.
func (b *Baseline) Find(k Kind, hash uint64) *Entry { return b.table.find(k, hash) }

// Slots returns the size of the table, in entries.
func (b *Baseline) Slots() int { return len(b.table.slots) }

// Len returns the number of things of a kind.
func (b *Baseline) Len(k Kind) (n int) {
	for i := range b.table.slots {
		if e := &b.table.slots[i]; e.first != 0 && e.kind() == k {
			n++
		}
	}
	return n
}

// Observations returns how many uses were counted, one in ten minutes for each destination.
func (b *Baseline) Observations() int { return int(b.uses[Destination]) }

// Days returns on how many days there were observations.
func (b *Baseline) Days() int { return int(b.days) }

// Span returns the times of the first and of the latest observation, 0 before any.
func (b *Baseline) Span() (first, last int64) { return b.first, b.last }

// Evicted returns how many entries were lost to make room.
func (b *Baseline) Evicted() uint64 { return b.evicted }

// Missing returns the probability that the next use is one of something new, after Good and
// Turing: the share of what was used once. It is 1 as long as nothing is known.
func (b *Baseline) Missing(k Kind) float64 {
	if b.uses[k] == 0 {
		return 1
	}
	return (float64(b.once[k]) + 0.5) / (float64(b.uses[k]) + 1)
}

// Fleeting returns the share of uses that are of things which were used within a day only, among those
// that were used for the first time more than a day ago: nearly 1 if there are others each day, though
// each is used often, as peers are. It looks at all entries.
func (b *Baseline) Fleeting(k Kind, now int64) float64 {
	some, all := 0, 0
	for i := range b.table.slots {
		e := &b.table.slots[i]
		if e.first == 0 || e.kind() != k || now-e.First() < freshFor {
			continue
		}
		all += int(e.uses)
		if e.last-e.first < slotsADay {
			some += int(e.uses)
		}
	}
	return float64(some) / float64(max(all, 1))
}

// Surprise returns the information in a first use, in bits.
func (b *Baseline) Surprise(k Kind) float64 { return -math.Log2(min(1, b.Missing(k))) }

// Learning says when a baseline is good enough to judge by.
type Learning struct {
	Span int64 // nanoseconds since the first observation
	Days int   // with observations
	Uses int   // of destinations; fewer do after four times as many days
}

// seldom is how many times the days a qube must be used that has few uses: one that is used for a minute
// a day has done everything that it does by then.
const seldom = 4

// Learned reports whether learning is over, and remembers when.
func (b *Baseline) Learned(l *Learning, now int64) bool {
	if b.learned == 0 && b.first != 0 && now-b.first >= l.Span && b.Days() >= l.Days &&
		(b.Observations() >= l.Uses || b.Days() >= seldom*l.Days) {
		b.learned = now
	}
	return b.learned != 0
}

// freshFor is how long a thing stays new after learning is over.
const freshFor = int64(24 * 3600e9)

// Known reports whether a thing belongs to the baseline: it was used before learning was
// over or a day ago, and is not part of a finding. e may be nil.
func (b *Baseline) Known(e *Entry, now int64) bool {
	if e == nil || b.learned == 0 || e.Held(now) {
		return false
	}
	return e.First() < b.learned || now-e.First() >= freshFor
}

// Forget forgets what was not used for some nanoseconds, and returns how much that was.
func (b *Baseline) Forget(now, unused int64) (n int) {
	for i := 0; i < len(b.table.slots); i++ {
		e := &b.table.slots[i]
		if e.first == 0 || now-e.Last() < unused {
			continue
		}
		if e.single() && b.once[e.kind()] > 0 {
			b.once[e.kind()]--
		}
		b.uses[e.kind()] -= min(b.uses[e.kind()], uint32(e.uses))
		b.table.remove(i)
		n++
		i-- // another one may have moved here
	}
	return n
}
