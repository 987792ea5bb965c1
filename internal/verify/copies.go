package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// copies counts packets that look like one that is followed: those that qubes have sent and may send, and those
// that have left by one interface. If no more have left than may, it is not known whose they are.
type copies struct {
	others, left uint32
	by           uint32 // the interface
}

// leave counts one that leaves by an interface, and reports whether it must be one that is followed. Where an
// interface is in front of another one, each packet leaves by both.
func (c *copies) leave(iface uint32) bool {
	if c.left == 0 {
		c.by = iface
	}
	if c.by == iface {
		c.left++
	}
	return c.left > c.others
}

// arrivals are packets that qubes have sent lately, as far as there is room. A value without a list has none.
type arrivals struct {
	list   []arrival // by hash
	within int64     // how long they are remembered, in nanoseconds of packet time
	short  bool      // one of them had a mark that is cut off
}

// arrival is a packet that a qube may send, and how often it has.
type arrival struct {
	hash uint64
	at   int64 // packet time of the last
	n    uint32
}

// maxArrivals is how many are remembered.
const maxArrivals = 4096

// note remembers a packet.
func (a *arrivals) note(x *imprint, at int64) {
	if a.list == nil {
		a.list = make([]arrival, maxArrivals)
	}
	a.short = a.short || x.short
	if a.short {
		a.count(x.rough(), at)
	}
	if !x.short {
		a.count(x.traceKey, at)
	}
}

func (a *arrivals) count(k traceKey, at int64) {
	h := k.sum()
	one := &a.list[h%maxArrivals]
	if one.hash != h || !a.near(one.at, at) {
		*one = arrival{hash: h}
	}
	one.at = at
	one.n++
}

// like returns how many may be the packet with an imprint that has come in at a packet time.
func (a *arrivals) like(x *imprint, at int64) uint32 {
	if a.list == nil {
		return 0
	}
	k := x.traceKey
	if a.short || x.short {
		k = k.rough()
	}
	if one := &a.list[k.sum()%maxArrivals]; one.hash == k.sum() && a.near(one.at, at) {
		return one.n
	}
	return 0
}

// near reports whether two packet times are about one moment.
func (a *arrivals) near(one, other int64) bool {
	return one-other <= a.within && other-one <= a.within
}

// sum returns a hash of a key.
func (k *traceKey) sum() uint64 {
	const prime = 0x9e3779b97f4a7c15
	h := k.hash ^ uint64(k.size)<<32 ^ uint64(k.id) ^ uint64(k.proto)<<56
	for _, word := range [...]uint64{binary.LittleEndian.Uint64(k.dst[:8]), binary.LittleEndian.Uint64(k.dst[8:])} {
		h = (h ^ word) * prime
		h ^= h >> 29
	}
	return h
}

// arrive takes note of a packet that a qube may send: that one like it leaves is no evidence against another. Where all
// packets are remembered, it is not asked whether this machine forwards it, which takes longer than the rest.
func (v *Verifier) arrive(s *subject, p *packet.Packet, frame []byte) {
	if !v.unordered() && !(v.tracer.isTo(&p.Dst) && s.arrives(p, frame) && (!p.HasL4 || isSound(p, frame))) || onLastHop(p, frame) {
		return
	}
	x := &v.print
	x.take(p, frame)
	v.arrivals.note(x, p.Time)
	v.tracer.alike(x, func(one *trace) { one.copies.others++ })
}
