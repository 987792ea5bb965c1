package top

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// maxInterfaces bounds the interfaces that are counted, of some 250 bytes each, and 1.5 KiB
// while someone looks. A qube has one or two and cannot make more.
const maxInterfaces = 1024

// gauge counts packets and flows by interface. All but the last three belongs to the
// meter's goroutine: the counters are plain numbers, because an atomic addition for each
// packet would cost as much as the rest. Other goroutines ask, and the meter answers between two
// packets.
type gauge struct {
	slots    map[uint32]*slot
	near     [64]*slot // of slots, by the low bits of the number: a lookup for each packet is too slow
	watching bool      // someone looks: peers are counted
	until    time.Time // when that ends

	ask     atomic.Pointer[question]
	stopped chan struct{} // closed when no more questions are answered
	evicted atomic.Uint64 // interfaces
}

var _ pipeline.Gauge = (*gauge)(nil) // type check

// slot is what was counted of an interface.
type slot struct {
	iface   uint32
	family  uint8       // of client
	client  packet.Addr // source address of the latest packet that the qube has sent
	packets [2]uint64   // by side
	bytes   [2]uint64
	flows   int
	begun   uint64
	seen    int64  // packet time of the last packet
	peers   *peers // nil unless watching
}

// The sides of a packet on an interface.
const (
	sent     = 0 // by the qube
	received = 1
)

func newGauge() *gauge { return &gauge{slots: map[uint32]*slot{}, stopped: make(chan struct{})} }

// Packets implements [pipeline.Gauge]. Packets of one interface that follow each other, as
// most do, are added up first.
func (g *gauge) Packets(ps []packet.Packet) {
	for len(ps) > 0 {
		iface, n := ps[0].Iface, 1
		for n < len(ps) && ps[n].Iface == iface {
			n++
		}
		s := g.near[iface%uint32(len(g.near))]
		if s == nil || s.iface != iface {
			s = g.find(iface)
		}
		s.add(ps[:n])
		if g.watching {
			g.observe(s, ps[:n])
		}
		ps = ps[n:]
	}
}

// add counts packets of the interface.
func (s *slot) add(ps []packet.Packet) {
	var packets, bytes [2]uint64
	var own *packet.Packet // that the qube has sent
	for i := range ps {
		if p := &ps[i]; p.Direction == packet.Outbound {
			packets[received]++
			bytes[received] += uint64(p.Length)
		} else {
			packets[sent]++
			bytes[sent] += uint64(p.Length)
			own = p
		}
	}
	if own != nil {
		s.client, s.family = own.Src, own.Family
	}
	for side := range packets {
		s.packets[side] += packets[side]
		s.bytes[side] += bytes[side]
	}
	s.seen = ps[len(ps)-1].Time
}

// Shunted implements [pipeline.Gauge].
func (g *gauge) Shunted(p *packet.Packet, packets, bytes uint64) {
	s, side := g.find(p.Iface), sent
	if p.Direction == packet.Outbound {
		side = received
	} else {
		s.client, s.family = p.Src, p.Family
	}
	s.packets[side] += packets
	s.bytes[side] += bytes
	s.seen = max(s.seen, p.Time)
	if !g.watching {
		return
	}
	if s.peers == nil {
		s.peers = new(peers)
	}
	s.peers.addMany(p, side, packets, bytes)
}

// observe counts packets for their peers.
func (g *gauge) observe(s *slot, ps []packet.Packet) {
	if s.peers == nil {
		s.peers = new(peers)
	}
	for i := range ps {
		side := sent
		if ps[i].Direction == packet.Outbound {
			side = received
		}
		s.peers.add(&ps[i], side)
	}
}

// Flow implements [pipeline.Gauge].
func (g *gauge) Flow(iface uint32, change int) {
	s := g.find(iface)
	if s.flows += change; change > 0 {
		s.begun++
	}
	s.flows = max(s.flows, 0) // an interface that was forgotten with its flows is there again
}

// ForgetFlows implements [pipeline.Gauge].
func (g *gauge) ForgetFlows() {
	for _, s := range g.slots {
		s.flows = 0
	}
}

// find returns the slot of an interface.
func (g *gauge) find(iface uint32) *slot {
	s := g.slots[iface]
	if s == nil {
		if len(g.slots) >= maxInterfaces {
			g.evict()
		}
		s = &slot{iface: iface}
		g.slots[iface] = s
	}
	g.near[iface%uint32(len(g.near))] = s
	return s
}

// evict forgets the interface that has been silent for longest.
func (g *gauge) evict() {
	var oldest *slot
	for _, s := range g.slots {
		if oldest == nil || s.seen < oldest.seen {
			oldest = s
		}
	}
	g.forget(oldest.iface)
	g.evicted.Add(1)
}

// forget forgets an interface.
func (g *gauge) forget(iface uint32) {
	delete(g.slots, iface)
	if at := &g.near[iface%uint32(len(g.near))]; *at != nil && (*at).iface == iface {
		*at = nil
	}
}

// addr returns the address of the client, invalid if none was seen.
func (s *slot) addr() netip.Addr { return s.client.Netip(s.family) }
