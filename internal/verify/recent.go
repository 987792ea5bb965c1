package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

// maxRecent bounds the packets that are remembered because they have left.
const maxRecent = 4096

// recent are the last packets that have left, in a capture whose packets may be out of order, so that
// one that comes in may stand behind itself where it goes out. Its zero value remembers none.
type recent struct {
	list   []departure // a ring: a place is that of a number
	next   uint64
	latest map[traceKey]uint64 // the number of the last one, by key without the mark
}

// departure is a packet that has left by an interface.
type departure struct {
	imprint
	at    int64  // packet time
	older uint64 // the number of the one before with that key
	iface uint32
}

// note remembers a packet that leaves. With too many, the oldest goes.
func (r *recent) note(x *imprint, p *packet.Packet) {
	if r.list == nil {
		r.list, r.latest, r.next = make([]departure, maxRecent), make(map[traceKey]uint64, maxRecent), maxRecent
	}
	one, key := &r.list[r.next%maxRecent], x.rough()
	if old := one.rough(); r.latest[old] == r.next-maxRecent {
		delete(r.latest, old)
	}
	*one = departure{imprint: *x, at: p.Time, older: r.latest[key], iface: p.Iface}
	r.latest[key] = r.next
	r.next++
}

// find calls yield with each interface that a packet that has come in at a packet time may have left by, not
// before that.
func (r *recent) find(x *imprint, at int64, yield func(iface uint32)) {
	for n := r.latest[x.rough()]; n != 0 && n+maxRecent >= r.next; n = r.list[n%maxRecent].older {
		if one := &r.list[n%maxRecent]; one.at >= at && one.at-at <= maxReorder && one.like(x) {
			yield(one.iface)
		}
	}
}
