package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// lasting is a connection whose flows have ended, and that may go on.
type lasting struct{ born, last int64 }

// quietFor is for how long a connection may be quiet and still be the same: the time after
// which TCP sends keepalives (RFC 9293 section 3.8.4).
const quietFor = 2 * int64(3600e9)

// minLasting is how long a flow of datagrams lives that may belong to a longer one.
const minLasting = int64(20e9)

// lasting adds the time of earlier flows of the current connection to its duration.
func (e *Engine) lasting() {
	o := e.obs
	h := o.Connection // whichever side the flows take for the first
	l := e.connections.find(h)
	if l != nil && (o.At-l.last > quietFor || o.At < l.last) {
		l.born = o.At - o.Duration
	}
	if l == nil {
		if o.Ended || !o.Final || o.Proto != protoTCP && o.Duration < minLasting {
			return
		}
		if l, _ = e.connections.add(e.cur.id, h); l == nil {
			return
		}
		l.born = o.At - o.Duration
	}
	l.last = o.At
	o.Duration = o.At - l.born
	if o.Ended {
		e.connections.remove(h)
	}
}

// steps are the durations at which a long connection is reported.
var steps = [...]int64{3600e9, 4 * 3600e9, 12 * 3600e9, 24 * 3600e9, 72 * 3600e9}

// stepNames are the steps as events spell them.
var stepNames = [len(steps)]string{"1h", "4h", "12h", "24h", "72h"}

// longsADay is how many long connections of a qube are reported in a day at low, and in all.
const (
	longsADay    = 5
	allLongsADay = 20
)

// long reports a connection that lives for longer than any other with the destination.
func (e *Engine) long() {
	o := e.obs
	if o.Duration < steps[0] || o.clockwork() || e.livedLonger() {
		return
	}
	step := 0
	for step+1 < len(steps) && o.Duration >= steps[step+1] {
		step++
	}
	if e.skips(LongConnection, stepNames[step], e.net) {
		return
	}
	f := &Finding{Rule: LongConnection, Way: stepNames[step], Level: e.longLevel(step), Score: 0.5 + 0.1*float64(step), First: o.At - o.Duration, dest: e.net,
		BytesUp: o.Up, BytesDown: o.Down}
	f.Reason = fmt.Sprintf("%s has a connection with %s that is open for %s, since %s", e.who(), e.whom(), seconds(o.Duration), clock(f.First))
	e.report(f)
}

// longLevel returns the level of a long connection: chats and tunnels have one with a server that is
// resolved, or at their port.
func (e *Engine) longLevel(step int) Level {
	o := e.obs
	odd := (o.Unresolved || !usualPort(o.Port)) && !tunnelPort(o.Proto, o.Port)
	isNew := e.learned() && !e.known(baseline.Destination, e.net)
	if odd && !e.usuallyNew() && (isNew || step > 0 && o.Unresolved) {
		return Medium
	}
	return Low
}

// enoughLongs reports whether enough long connections were reported in this day, and counts one if
// not. Those at low leave room for others.
func (e *Engine) enoughLongs(level Level) bool {
	r := &e.cur.longs
	if d := e.obs.At / day; d != r.hour {
		*r = rate{hour: d}
	}
	if r.n >= longsADay && (level == Low || r.n >= allLongsADay) {
		e.stats.Limited++
		return true
	}
	r.n++
	return false
}

// goesOn records that the current connection is one that goes on for longer than a contact.
func (e *Engine) goesOn() {
	o := e.obs
	if !o.Final || o.Duration < baseline.Slot || o.clockwork() {
		return
	}
	entry := e.cur.base.Find(baseline.Destination, e.net)
	if entry == nil && !e.learned() { // it began before the beat did
		entry, _ = e.observe(baseline.Destination, e.net)
	}
	if entry != nil {
		e.cur.base.GoOn(entry, o.At)
	}
}

// livedLonger records the duration of the current connection and reports whether those with
// the destination are usually about as long.
func (e *Engine) livedLonger() bool {
	entry := e.cur.base.Find(baseline.Destination, e.net)
	if entry == nil {
		return false
	}
	before := entry.AddLongest(e.obs.Duration)
	if e.cur.base.Known(entry, e.obs.At) {
		return e.obs.Duration < 4*before
	}
	return before > e.obs.Duration
}
