package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

// maxRecent bounds the packets that are remembered because they have left.
const maxRecent = 4096

// recent are the last packets that have left, in a capture whose packets may be out of order, so that
// one that comes in may stand behind itself where it goes out. Its zero value remembers none.
type recent struct {
	list  []traceKey // a ring
	next  int
	index map[traceKey]departure
}

// departure is where a packet has left last, and when.
type departure struct {
	at    int64 // packet time
	place int   // in the ring
	iface uint32
}

// note remembers a packet that leaves. With too many, the oldest goes.
func (r *recent) note(k traceKey, p *packet.Packet) {
	if r.list == nil {
		r.list, r.index = make([]traceKey, maxRecent), make(map[traceKey]departure, maxRecent)
	}
	if old := r.list[r.next]; r.index[old].place == r.next {
		delete(r.index, old)
	}
	r.list[r.next], r.index[k] = k, departure{p.Time, r.next, p.Iface}
	r.next = (r.next + 1) % maxRecent
}

// find returns the interface that a packet of a packet time has left by, not before it came in.
func (r *recent) find(k traceKey, at int64) (iface uint32, ok bool) {
	d, ok := r.index[k]
	return d.iface, ok && d.at >= at && d.at-at <= maxReorder
}
