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

// tunnelKey is an outer header without its ports, the same for both directions, at an
// interface. It has no padding, so that it is hashed in one go.
type tunnelKey struct {
	low, high        packet.Addr
	id, iface        uint32
	kind             packet.Tunnel
	family, proto, _ uint8
}

// newTunnelKey returns the key of the tunnel that p is in.
func newTunnelKey(p *packet.Packet) tunnelKey {
	o := &p.Outer
	k := tunnelKey{low: o.Src, high: o.Dst, id: o.ID, iface: p.Iface, kind: o.Kind, family: o.Family, proto: o.Proto}
	if o.Src.Compare(&o.Dst) > 0 {
		k.low, k.high = o.Dst, o.Src
	}
	return k
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
	key := newTunnelKey(p)
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

// outer returns the header of an id, without its ports.
func (t *tunnels) outer(id uint32) packet.Outer {
	k := &t.list[id-1].key
	return packet.Outer{Src: k.low, Dst: k.high, ID: k.id, Kind: k.kind, Family: k.family, Proto: k.proto}
}
