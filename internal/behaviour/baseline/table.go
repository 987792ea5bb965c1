package baseline

import "math/bits"

// Kind is a kind of what a qube uses.
type Kind uint8

// The kinds.
const (
	Destination Kind = iota // a registered domain, or a network
	Port                    // a port of a protocol
	Client                  // JA4, the fingerprint of a TLS client
	Country                 // in which a destination is registered
	Kinds                   // their number
)

// Slot is the unit of time of a table: what happens within the same ten minutes counts as
// one use. In nanoseconds.
const Slot = int64(600e9)

// epoch is the first day that a table can express: 2020-01-01, in nanoseconds.
const epoch = int64(1577836800e9)

// slotOf returns the slot of a time, at least 1.
func slotOf(at int64) uint32 { return uint32(min(max((at-epoch)/Slot, 1), 1<<31)) }

// timeOf returns the beginning of a slot.
func timeOf(slot uint32) int64 { return epoch + int64(slot)*Slot }

// slotsADay is the number of slots of a day.
const slotsADay = uint32(24 * 3600e9 / Slot)

// Entry is what is known of one thing that a qube uses.
type Entry struct {
	hash        uint64
	first, last uint32 // slots
	uses        uint16 // slots with a use, saturating
	held        uint16 // the day until which it is not learned, after 2020-01-01; 0 if it is
	what        uint8  // its kind, see the bits below
	period      uint8  // usual period, see octave; 0 if it is not periodic
	upload      uint8  // the most bytes sent in an hour, see octave
	longest     uint8  // the longest connection, see octave
}

// The bits of Entry.what: the kind, the level of the finding that it is or was part of, and whether
// its uses are those of one contact that went on.
const (
	kindBits   = 0x0f
	levelShift = 4
	levelBits  = 0x07
	oneContact = 0x80
)

// kind returns the kind of the thing.
func (e *Entry) kind() Kind { return Kind(e.what & kindBits) }

// level returns the level of the latest Hold, 0 if there was none.
func (e *Entry) level() uint8 { return e.what >> levelShift & levelBits }

// single reports whether the thing was contacted in one slot only.
func (e *Entry) single() bool { return e.uses == 1 || e.what&oneContact != 0 }

// tick is the unit of periods and durations: 2^24 ns, 17 ms, so that octave reaches a year.
const tick = 24

// octave expresses a number up to 2^31 within an eighth, as eighths of its logarithm.
func octave(n uint64) uint8 {
	if n == 0 {
		return 0
	}
	l := bits.Len64(n) - 1
	fraction := uint64(0)
	if l >= 3 {
		fraction = n >> (l - 3) & 7
	}
	return uint8(min(1+l*8+int(fraction), 255))
}

// fromOctave returns the smallest number that octave expresses so.
func fromOctave(o uint8) uint64 {
	if o == 0 {
		return 0
	}
	l, fraction := uint(o-1)/8, uint64(o-1)%8
	if l < 3 {
		return 1 << l
	}
	return (8 + fraction) << (l - 3)
}

// First returns when the thing was first used, within ten minutes, in nanoseconds.
func (e *Entry) First() int64 { return timeOf(e.first) }

// Last returns when the thing was last used, within ten minutes, in nanoseconds.
func (e *Entry) Last() int64 { return timeOf(e.last) }

// Uses returns in how many spans of ten minutes it was used.
func (e *Entry) Uses() int { return int(e.uses) }

// Held reports whether the thing is part of an open finding at a time and therefore not
// learned.
func (e *Entry) Held(now int64) bool { return e.held != 0 && (now-epoch)/(24*3600e9) < int64(e.held) }

// Hold keeps the thing from being learned for some nanoseconds, because it is part of a finding of a
// level from 1 to 7. What was held before at the level or above is not held again: what goes on after
// that belongs to the qube.
func (e *Entry) Hold(now, span int64, level uint8) {
	if level <= e.level() {
		return
	}
	e.what = e.what&^(levelBits<<levelShift) | level&levelBits<<levelShift
	e.held = uint16(min(max((now+span-epoch)/(24*3600e9)+1, 1), 1<<16-1))
}

// Release ends a Hold.
func (e *Entry) Release() { e.held = 0 }

// Accept makes the thing as old as the table can express, so that it is known as soon as
// learning is over.
func (e *Entry) Accept() { e.first = 1 }

// SetPeriod records that the thing is used periodically, and Periodic reports whether it is
// known to be, at a period within 25 %. Both are in nanoseconds.
func (e *Entry) SetPeriod(ns int64) { e.period = octave(uint64(max(ns, 1)) >> tick) }

// Periodic reports whether the thing is known to be used with a period in nanoseconds.
func (e *Entry) Periodic(ns int64) bool {
	d := int(e.period) - int(octave(uint64(max(ns, 1))>>tick))
	return e.period != 0 && d >= -2 && d <= 2
}

// AddUpload records the bytes that were sent within an hour that is over.
func (e *Entry) AddUpload(bytes uint64) { e.upload = max(e.upload, octave(bytes)) }

// Upload returns the most bytes that were sent within an hour.
func (e *Entry) Upload() uint64 { return fromOctave(e.upload) }

// AddLongest records the duration of a connection in nanoseconds, and returns the longest
// before.
func (e *Entry) AddLongest(ns int64) (before int64) {
	before = int64(fromOctave(e.longest) << tick)
	e.longest = max(e.longest, octave(uint64(max(ns, 0))>>tick))
	return before
}

// table is a hash table with linear probing, whose size is a power of two.
type table struct {
	slots []Entry
	used  int
}

// MinSlots is the size of the smallest table, which a baseline has without asking.
const MinSlots = 16

// find returns the entry of a thing, nil if there is none.
func (t *table) find(k Kind, hash uint64) *Entry {
	if len(t.slots) == 0 {
		return nil
	}
	for i := hash; ; i++ {
		e := &t.slots[i%uint64(len(t.slots))]
		if e.first == 0 {
			return nil
		}
		if e.hash == hash && e.kind() == k {
			return e
		}
	}
}

// full reports whether the table must grow before an entry is added: at seven eighths.
func (t *table) full() bool { return t.used+1 > len(t.slots)*7/8 }

// grow doubles the table.
func (t *table) grow() {
	old := t.slots
	t.slots, t.used = make([]Entry, max(MinSlots, 2*len(old))), 0
	for i := range old {
		if old[i].first != 0 {
			t.insert(old[i])
		}
	}
}

// insert adds an entry that is not there. The table must not be full.
func (t *table) insert(e Entry) *Entry {
	i := e.hash
	for t.slots[i%uint64(len(t.slots))].first != 0 {
		i++
	}
	at := &t.slots[i%uint64(len(t.slots))]
	*at = e
	t.used++
	return at
}

// remove removes the entry at a place and moves those after it up.
func (t *table) remove(at int) {
	n := uint64(len(t.slots))
	hole := uint64(at)
	for i := hole + 1; ; i++ {
		e := &t.slots[i%n]
		if e.first == 0 {
			break
		}
		if home := e.hash % n; (i%n-home)%n >= (i-hole)%n { // it may lie at the hole
			t.slots[hole%n] = *e
			hole = i
		}
	}
	t.slots[hole%n] = Entry{}
	t.used--
}

// someEntries is how many entries are looked at to find an old one.
const someEntries = 16

// evict removes the one that was used longest ago of some entries around a place.
func (t *table) evict(near uint64) {
	oldest := -1
	for i := range uint64(len(t.slots)) {
		at := int((near + i) % uint64(len(t.slots)))
		if e := &t.slots[at]; e.first != 0 && (oldest < 0 || e.last < t.slots[oldest].last) {
			oldest = at
		}
		if i >= someEntries && oldest >= 0 {
			break
		}
	}
	t.remove(oldest)
}
