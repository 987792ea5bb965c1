package analyzer

import (
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// origin is where the packets of a flow were observed.
type origin struct {
	iface     uint32
	direction packet.Direction
}

// opposite returns the origin of the packets in the opposite direction.
func (o origin) opposite() origin {
	switch o.direction {
	case packet.Inbound:
		o.direction = packet.Outbound
	case packet.Outbound:
		o.direction = packet.Inbound
	default:
		o.direction = packet.DirectionUnknown
	}
	return o
}

// disposition says what to do with a packet.
type disposition uint8

const (
	toAnalyze  disposition = iota
	seenBefore             // on the interface that it came in on
	isSpoofed              // its source address is not the sender's
)

// origins remembers where conversations were observed: an analyzer reports an
// event with addresses and ports, some time after the packets. It is safe for
// concurrent use, but observe must be called from one goroutine.
type origins struct {
	mu         sync.Mutex
	young, old map[feed.Key]origin
	begun      int64               // packet time at which young was started
	shares     *share.Pool[uint32] // entries of young, by interface

	// Most events belong to the packet that is being analyzed.
	current       feed.Key
	currentOrigin origin
}

// A flow is forgotten between one and two of these spans after its last packet. An
// interface may hold no more flows than it leaves free. Packetbeat's longest time to wait for a response
// is a minute (nfs).
const (
	originSpan = int64(90 * time.Second)
	maxOrigins = 16384 // in each of two maps; about 3 MiB in all
)

func newOrigins() *origins {
	return &origins{young: map[feed.Key]origin{}, shares: share.NewPool[uint32](maxOrigins)}
}

// observe remembers where a packet was seen. A packet from one qube to another
// passes two interfaces; it is analyzed where it comes in. A spoofed packet is not
// remembered, so that the owner of the address is not affected.
func (o *origins) observe(p *feed.Packet, spoofed bool) disposition {
	if spoofed && p.Direction == packet.Inbound {
		return isSpoofed
	}
	k := p.Key()
	o.mu.Lock()
	defer o.mu.Unlock()
	seen, known := o.find(k)
	if known && seen.iface != p.Iface && p.Direction == packet.Outbound && seen.direction == packet.Inbound {
		return seenBefore
	}
	if !known || seen.iface != p.Iface {
		seen = origin{iface: p.Iface, direction: p.Direction}
	}
	o.put(k, seen, p.Time)
	return toAnalyze
}

// put stores the origin of the current packet. The caller holds the lock.
func (o *origins) put(k feed.Key, at origin, now int64) {
	o.current, o.currentOrigin = k, at
	if now-o.begun > originSpan || now < o.begun-originSpan {
		o.old, o.young, o.begun = o.young, make(map[feed.Key]origin), now
		o.shares.Reset()
	}
	if _, known := o.young[k]; !known && !o.shares.Take(at.iface, 1) {
		return // its events will lack the interface, and those of others will not
	}
	o.young[k] = at
}

// find looks up a flow. The caller holds the lock.
func (o *origins) find(k feed.Key) (origin, bool) {
	at, ok := o.young[k]
	if !ok {
		at, ok = o.old[k]
	}
	return at, ok
}

// lookup returns where the packets of a flow were observed, or else those of the
// opposite direction. ok is false if neither is remembered.
func (o *origins) lookup(k feed.Key) (at origin, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k == o.current {
		return o.currentOrigin, true
	}
	if k.Reverse() == o.current {
		return o.currentOrigin.opposite(), true
	}
	if at, ok := o.find(k); ok {
		return at, true
	}
	at, ok = o.find(k.Reverse())
	return at.opposite(), ok
}
