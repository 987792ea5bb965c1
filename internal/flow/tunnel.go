package flow

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// maxTunnels bounds the outer headers that are kept. An interface may have as many as
// it leaves free, which is half of them if it is the only one. The packets of its
// further tunnels are metered as packets of the tunnel, which needs no outer header,
// and counted in Stats.TunnelsFull.
const maxTunnels = 8192

// tunnels numbers the outer headers of the live flows, so that the many flows
// without one do not pay for it. The number 0 stands for no tunnel.
type tunnels struct {
	ids    map[tunnelKey]uint32
	list   []tunnel // by id-1
	free   []uint32 // ids to use again
	full   uint64   // Stats.TunnelsFull
	shares *share.Pool[uint32]
}

// tunnelKey is an outer header, the same for both directions, at an interface.
type tunnelKey struct {
	outer packet.Outer
	iface uint32
}

// tunnel is an outer header that is in use.
type tunnel struct {
	key  tunnelKey
	refs int // flows, and the packet that is being metered
}

func (t *tunnels) init() {
	t.ids = make(map[tunnelKey]uint32)
	t.shares = share.NewPool[uint32](maxTunnels)
}

// enter returns the number of the tunnel that p is in, 0 if it is in none. If there is
// no place for the tunnel, p becomes the packet of the tunnel itself. The caller must
// hold the number before it calls anything else, and release it.
func (t *tunnels) enter(p *packet.Packet) uint32 {
	if p.Outer.Kind == packet.TunnelNone {
		return 0
	}
	key := tunnelKey{p.Outer, p.Iface}
	key.outer.SrcPort, key.outer.DstPort = 0, 0
	if o := &key.outer; o.Src.Compare(&o.Dst) > 0 {
		o.Src, o.Dst = o.Dst, o.Src
	}
	if id, ok := t.ids[key]; ok {
		return id
	}
	if !t.shares.Take(p.Iface, 1) {
		t.full++
		p.TakeOuter()
		return 0
	}
	return t.place(key)
}

// place gives an outer header a number.
func (t *tunnels) place(key tunnelKey) uint32 {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		t.list[id-1] = tunnel{key: key}
		t.ids[key] = id
		return id
	}
	t.list = append(t.list, tunnel{key: key})
	id := uint32(len(t.list))
	t.ids[key] = id
	return id
}

// hold adds a reference to a number.
func (t *tunnels) hold(id uint32) {
	if id != 0 {
		t.list[id-1].refs++
	}
}

// release removes a reference to a number, and frees it with the last one.
func (t *tunnels) release(id uint32) {
	if id == 0 {
		return
	}
	l := &t.list[id-1]
	if l.refs--; l.refs == 0 {
		delete(t.ids, l.key)
		t.shares.Give(l.key.iface, 1)
		t.free = append(t.free, id)
	}
}

// outer returns the header of an id.
func (t *tunnels) outer(id uint32) packet.Outer { return t.list[id-1].key.outer }
