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

// long reports a connection that lives for longer than any other with the destination.
func (e *Engine) long() {
	o := e.obs
	if o.Duration < steps[0] || clockwork(o.Proto, o.Port) || e.livedLonger() {
		return
	}
	step := 0
	for step+1 < len(steps) && o.Duration >= steps[step+1] {
		step++
	}
	if e.skips(LongConnection, stepNames[step], e.net) {
		return
	}
	f := &Finding{Rule: LongConnection, Way: stepNames[step], Level: Low, Score: 0.5 + 0.1*float64(step), First: o.At - o.Duration, dest: e.net,
		BytesUp: o.Up, BytesDown: o.Down}
	known := e.known(baseline.Destination, e.net)
	if (!known || o.Unresolved) && e.learned() || step > 0 && o.Unresolved && !tunnelPort(o.Proto, o.Port) {
		f.Level = Medium
	}
	f.Reason = fmt.Sprintf("%s has a connection with %s that is open for %s, since %s", e.who(), e.whom(), seconds(o.Duration), clock(f.First))
	e.report(f)
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
