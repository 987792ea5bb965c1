package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// requests counts the connections with one port of a host, and at the same place echo requests.
type requests struct {
	dest   uint64
	since  int64
	n      uint32
	echoes echoes // to this or another host
}

// What a scanner that tries thousands of paths or words on one server looks like: browsers open six
// connections with a host and keep them, so that even a page of a server that keeps none takes
// fewer in a minute.
const (
	requestSpan  = int64(60e9)
	requestCount = 250
)

// request counts the current connection, whose beginning need not have been seen, and reports many
// with one port of a host.
func (e *Engine) request() {
	o := e.obs
	if o.Proto != protoTCP || o.clockwork() {
		return
	}
	dest := e.hashAddr(o.Addr, false) ^ uint64(o.Port)*0x9e3779b97f4a7c15
	r := &e.cur.requests[dest%uint64(len(e.cur.requests))]
	if r.dest != dest || o.At-r.since > requestSpan || o.At < r.since {
		r.dest, r.since, r.n = dest, o.At, 0
	}
	if r.n++; r.n < requestCount || e.known(baseline.Destination, e.net) || e.skips(Scan, "requests", e.net) {
		return
	}
	f := &Finding{Rule: Scan, Way: "requests", Level: Low, Score: 0.6, First: r.since, dest: e.net}
	if o.Place != World {
		f.Level = Medium
	}
	f.Reason = fmt.Sprintf("%s opens a connection with %s again and again, as if it tried paths or words: %d within %s", e.who(), e.whom(), r.n,
		seconds(o.At-r.since))
	e.report(f)
}
