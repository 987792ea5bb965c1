package behaviour

import (
	"encoding/binary"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/walk"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Engine judges the observations of all subjects. It is not safe for concurrent use.
type Engine struct {
	conf     Config
	subjects map[string]*subject
	all      []*subject          // the same in no order: a map takes ten times as long to walk
	lasts    []int64             // of each of all, its last, to find the oldest without a look at them
	slots    *share.Pool[uint32] // of baselines, by subject
	series   tracks[series]
	windows  tracks[window]
	open     tracks[opened]

	connections tracks[lasting]
	nameless    tracks[struct{}] // connections that have begun with an address that was not resolved

	spare   *subject // one that was forgotten, for its memory; nil for none
	nextID  uint32
	swept   int64     // when destinations were forgotten, or the clock was set
	latest  int64     // time of the observation before
	steady  uint64    // observations since the clock was set
	online  int64     // when any contact was answered
	failing [2]uint32 // the latest two subjects, distinct, with a contact that failed
	stats   Stats

	cur *subject     // of the observation that is being judged
	obs *Observation // that
	net uint64       // hash of its destination

	step  walk.Contact // scratch
	alarm walk.Alarm   // scratch
}

// New returns an engine that knows nothing.
func New(c Config) *Engine {
	e := &Engine{conf: c, subjects: map[string]*subject{}, slots: share.NewPool[uint32](maxSlots)}
	e.series.init(maxSeries, func() { e.stats.SeriesEvicted++ })
	e.windows.init(maxWindows, func() { e.stats.WindowsEvicted++ })
	e.open.init(maxOpen, func() {})
	e.connections.init(maxLasting, func() {})
	e.nameless.init(maxNameless, func() {})
	return e
}

// series is what comes at intervals.
type series struct {
	periodic.Series
	alone  uint32 // beats while the subject did nothing else
	beats  uint32
	inFlow bool
	silent bool // it was judged, and is not worth another look
}

// window is what is asked for below a domain.
type window struct {
	names.Window
	samples [3]string
	at      uint8
}

// Observe judges an observation. It keeps nothing of o but the texts of findings. It does
// not allocate for what is known.
func (e *Engine) Observe(o *Observation) {
	e.stats.Observations++
	e.settle()
	e.obs, e.cur = o, e.subject(o.Subject, o.At)
	e.net = e.hashOf(o)
	o.Unresolved = o.Unresolved && e.begunNameless()
	e.learned() // it is over from this observation on, if it is
	switch o.Kind {
	case Opened:
		e.opened()
	case Answered:
		e.answered()
	case Beat:
		e.beat()
	case Traffic:
		e.traffic()
	case Asked:
		e.asked()
	case Refused:
		e.refused()
	case Presented:
		e.presented()
	case Sought:
		e.sought()
	case Located:
		e.located()
	}
	e.sweep(o.At)
	e.obs = nil
}

// begunNameless reports whether the current connection has begun with an address that was not
// resolved. When one began whose beginning is not seen, the address may have been resolved, too.
func (e *Engine) begunNameless() bool {
	o := e.obs
	if o.Midstream {
		return e.nameless.find(o.Connection) != nil
	}
	if o.Kind == Opened && o.Connection != 0 {
		e.nameless.add(e.cur.id, o.Connection)
	}
	return true
}

// settle has the memory used again of what was forgotten in the observation before.
func (e *Engine) settle() {
	e.series.settle()
	e.windows.settle()
	e.open.settle()
	e.connections.settle()
	e.nameless.settle()
}

// hashOf returns the keyed hash of the destination of an observation: of its registered
// domain or, if that is unknown, of its network.
func (e *Engine) hashOf(o *Observation) uint64 {
	switch {
	case o.Domain != "":
		return siphash(e.conf.Key[0], e.conf.Key[1], o.Domain)
	case o.Addr.IsValid():
		return e.hashAddr(o.Addr, o.Place == World)
	}
	return 0
}

// hashAddr returns the keyed hash of an address, or of its network.
func (e *Engine) hashAddr(a netip.Addr, network bool) uint64 {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		v := binary.BigEndian.Uint32(b[:])
		if network {
			v &^= 0xff
		}
		return e.hashWords(0, 0xffff<<32|uint64(v))
	}
	b := a.As16()
	high, low := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	if network {
		high, low = high&^0xffff, 0
	}
	return e.hashWords(high, low)
}

// hashWords returns the keyed hash of an IPv6 address, or of the IPv6 address that maps an IPv4
// address.
func (e *Engine) hashWords(words ...uint64) uint64 {
	h := e.conf.Key[0] ^ 0x6164647265737321
	for _, v := range words {
		h = (h ^ v) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		h = (h + e.conf.Key[1]) * 0xbf58476d1ce4e5b9
		h ^= h >> 32
	}
	return h
}

// subject returns a subject, a new one if it is not known. If there are too many, the one
// that was seen last goes.
func (e *Engine) subject(name string, at int64) *subject {
	s := e.cur // most often
	if s == nil || s.name != name {
		s = e.subjects[name]
	}
	if s == nil {
		if len(e.subjects) >= maxSubjects {
			e.evictSubject()
		}
		e.nextID++
		s = e.blank()
		s.name, s.id = name, e.nextID
		e.keep(s)
	}
	s.last = max(s.last, at)
	e.lasts[s.at] = s.last
	return s
}

// keep adds a subject.
func (e *Engine) keep(s *subject) {
	e.subjects[s.name] = s
	s.at = len(e.all)
	e.all, e.lasts = append(e.all, s), append(e.lasts, s.last)
}

// blank returns a subject of which nothing is known: where subjects come and go, as forged
// addresses do, their memory must not be work for the collector.
func (e *Engine) blank() *subject {
	s := e.spare
	if s == nil {
		return new(subject)
	}
	e.spare = nil
	*s = subject{} // not together with the other: that would make it on the stack, and copy it
	return s
}

// evictSubject forgets the subject that was not seen for the longest time, by name if there
// are several.
func (e *Engine) evictSubject() {
	oldest := 0
	for i, last := range e.lasts {
		if last < e.lasts[oldest] || last == e.lasts[oldest] && e.all[i].name < e.all[oldest].name {
			oldest = i
		}
	}
	e.drop(e.all[oldest])
	e.stats.SubjectsEvicted++
}

// drop forgets a subject.
func (e *Engine) drop(s *subject) {
	delete(e.subjects, s.name)
	n := len(e.all) - 1
	last := e.all[n]
	e.all[s.at], e.lasts[s.at], last.at = last, e.lasts[n], s.at
	e.all[n] = nil
	e.all, e.lasts = e.all[:n], e.lasts[:n]
	if e.cur == s {
		e.cur = nil
	}
	e.slots.Give(s.id, s.base.Slots())
	e.series.dropSubject(s.id)
	e.windows.dropSubject(s.id)
	e.open.dropSubject(s.id)
	e.connections.dropSubject(s.id)
	e.nameless.dropSubject(s.id)
	e.spare = s
}

// grow asks for room in the baselines for the current subject.
func (e *Engine) grow(slots int) bool { return e.slots.Take(e.cur.id, slots) }

// observe records a use in the baseline of the current subject.
func (e *Engine) observe(k baseline.Kind, hash uint64) (entry *baseline.Entry, fresh bool) {
	b := &e.cur.base
	if b.Slots() == 0 {
		e.slots.Add(e.cur.id, baseline.MinSlots) // each subject has some
	}
	return b.Observe(k, hash, e.obs.At, e.grow)
}

// learned reports whether the current subject can be judged by its baseline.
func (e *Engine) learned() bool { return e.cur.base.Learned(&e.conf.Learn, e.obs.At) }

// known returns whether a thing belongs to the baseline of the current subject.
func (e *Engine) known(k baseline.Kind, hash uint64) bool {
	return e.cur.base.Known(e.cur.base.Find(k, hash), e.obs.At)
}

// others returns how many other subjects have contacted the current destination by a name. Of
// an address without one only the network is remembered, in which others may have used another
// host: a provider has thousands of customers in it.
func (e *Engine) others() (n int) {
	if e.obs.Domain == "" {
		return 0
	}
	for _, s := range e.all {
		if s != e.cur && s.base.Find(baseline.Destination, e.net) != nil {
			n++
		}
	}
	return n
}

// sweepEvery is the packet time between two sweeps, and disorder how much earlier an observation may
// be than the one before: flows are reported when they have ended. After so many in order the clock is
// not being set.
const (
	sweepEvery = day
	disorder   = int64(3600e9)
	inOrder    = 1000
)

// sweep forgets destinations that were not used for long, after a day in which the clock was not
// set: what is forgotten does not come back with the clock.
func (e *Engine) sweep(now int64) {
	step := now - e.latest
	e.latest = now
	if e.steady++; step < -disorder || step > e.conf.Forget/2 {
		e.swept, e.steady = now, 0
	}
	if now-e.swept < sweepEvery || e.steady < inOrder {
		return
	}
	e.swept = now
	for _, s := range e.all {
		s.base.Forget(now, e.conf.Forget)
	}
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Subjects, s.Series, s.Windows = uint64(len(e.subjects)), uint64(e.series.store.Len()), uint64(e.windows.store.Len())
	for _, one := range e.all {
		s.EntriesEvicted += one.base.Evicted()
		s.Entries += uint64(one.base.Slots())
	}
	return s
}
