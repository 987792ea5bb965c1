package transaction

import (
	"net/netip"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// way is one direction of a conversation: who sends to whom.
type way struct {
	src, dst         packet.Addr
	srcPort, dstPort uint16
	family           uint8
}

func wayOf(p *feed.Packet) way {
	return way{src: p.Src, dst: p.Dst, srcPort: p.SrcPort, dstPort: p.DstPort, family: p.Family}
}

func (w way) reverse() way {
	return way{src: w.dst, dst: w.src, srcPort: w.dstPort, dstPort: w.srcPort, family: w.family}
}

// mapped returns an IPv4 way as IPv6 writes it (RFC 4291 section 2.5.5.2).
func (w way) mapped() way {
	if w.family != 4 {
		return w
	}
	for _, a := range []*packet.Addr{&w.src, &w.dst} {
		ip := a.Netip(4).As16()
		*a = ip
	}
	w.family = 6
	return w
}

// origin is where the packets of one way were seen.
type origin struct {
	iface     uint32
	direction packet.Direction
}

// verdict is what the analyzers are to make of a packet.
type verdict uint8

const (
	fresh  verdict = iota // to be analyzed
	copied                // seen already where it came in
	forged                // sent with the address of somebody else
)

// origins remembers where conversations were seen: an analyzer reports an event
// by addresses and ports, some time after the packets. It is safe for concurrent
// use, but for note, which belongs to the goroutine that analyzes.
type origins struct {
	mu          sync.Mutex
	young, old  map[way]origin
	generations int64          // packet time at which young was begun
	shares      map[uint32]int // of young, by interface
	current     way            // of the packet that is being analyzed: most events are of it
	at          origin
}

// A way is forgotten between one and two of these spans after its last packet,
// or sooner where there are too many. Packetbeat's longest time to wait for an
// answer is a minute (nfs).
const (
	originSpan = int64(90 * time.Second)
	maxOrigins = 16384 // in each of two maps; about 3 MiB in all
	maxShare   = 8192  // of one interface, in each
)

func newOrigins() *origins { return &origins{young: map[way]origin{}, shares: map[uint32]int{}} }

// note remembers where a packet was seen. A packet that goes from one qube to
// another passes two interfaces; it is analyzed where it comes in.
func (o *origins) note(p *feed.Packet, genuine func(uint32, netip.Addr, time.Time) bool) verdict {
	if p.Direction == packet.Inbound && genuine != nil && !genuine(p.Iface, p.Src.Netip(p.Family), time.Unix(0, p.Time)) {
		// Not remembered: whoever really has the address goes on undisturbed.
		return forged
	}
	w := wayOf(p)
	o.mu.Lock()
	seen, known := o.find(w)
	o.mu.Unlock()
	if known && seen.iface != p.Iface && p.Direction == packet.Outbound && seen.direction == packet.Inbound {
		return copied
	}
	if !known || seen.iface != p.Iface {
		seen = origin{iface: p.Iface, direction: p.Direction}
	}
	o.put(w, seen, p.Time)
	return fresh
}

func (o *origins) put(w way, at origin, now int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current, o.at = w, at
	if now-o.generations > originSpan || now < o.generations-originSpan || len(o.young) >= maxOrigins {
		o.old, o.young, o.generations, o.shares = o.young, make(map[way]origin), now, map[uint32]int{}
	}
	if _, known := o.young[w]; !known {
		if o.shares[at.iface] >= maxShare {
			return // its events will be without an interface, and those of others not
		}
		o.shares[at.iface]++
	}
	o.young[w] = at
}

// find looks a way up. The caller holds the lock.
func (o *origins) find(w way) (origin, bool) {
	at, ok := o.young[w]
	if !ok {
		at, ok = o.old[w]
	}
	return at, ok
}

// lookup returns the interface of a conversation and the way of the source's
// packets over it. ok is false where it is not remembered.
func (o *origins) lookup(w way) (iface uint32, fromSource packet.Direction, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w == o.current {
		return o.at.iface, o.at.direction, true
	}
	if w.reverse() == o.current {
		return o.at.iface, opposite(o.at.direction), true
	}
	if at, ok := o.find(w); ok {
		return at.iface, at.direction, true
	}
	at, ok := o.find(w.reverse())
	return at.iface, opposite(at.direction), ok
}

func opposite(d packet.Direction) packet.Direction {
	switch d {
	case packet.Inbound:
		return packet.Outbound
	case packet.Outbound:
		return packet.Inbound
	}
	return packet.DirectionUnknown
}
