package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// maxTunnels bounds the outer headers that are kept. Packets of further tunnels
// are metered without their outer header and counted in Stats.TunnelsFull.
const maxTunnels = 4096

// tunnels numbers the outer headers of the live flows, so that the many flows
// without one do not pay for it. The number 0 stands for no tunnel.
type tunnels struct {
	ids  map[packet.Outer]uint32
	list []tunnel // by id-1
	free []uint32 // ids to use again
	full uint64   // Stats.TunnelsFull
}

// tunnel is an outer header that is in use.
type tunnel struct {
	outer packet.Outer
	refs  int // flows, and the packet that is being metered
}

// untracked is the id of all tunnels that are not kept for want of room.
const untracked = maxTunnels + 1

func (t *tunnels) init() { t.ids = make(map[packet.Outer]uint32) }

// id returns the number of an outer header, which is the same for both directions.
// The caller must hold it before it calls anything else, and release it.
func (t *tunnels) id(o *packet.Outer) uint32 {
	key := *o
	if key.Src.Compare(&key.Dst) > 0 {
		key.Src, key.Dst = key.Dst, key.Src
	}
	if id, ok := t.ids[key]; ok {
		return id
	}
	if len(t.ids) >= maxTunnels {
		t.full++
		return untracked
	}
	return t.place(key)
}

// place gives an outer header a number.
func (t *tunnels) place(key packet.Outer) uint32 {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		t.list[id-1] = tunnel{outer: key}
		t.ids[key] = id
		return id
	}
	t.list = append(t.list, tunnel{outer: key})
	id := uint32(len(t.list))
	t.ids[key] = id
	return id
}

// drop frees a number that is no longer referenced.
func (t *tunnels) drop(id uint32) {
	if key := t.list[id-1].outer; t.ids[key] == id {
		delete(t.ids, key)
		t.free = append(t.free, id)
	}
}

// hold adds a reference to a number.
func (t *tunnels) hold(id uint32) {
	if id != 0 && id != untracked {
		t.list[id-1].refs++
	}
}

// release removes a reference to a number, and frees it with the last one.
func (t *tunnels) release(id uint32) {
	if id == 0 || id == untracked {
		return
	}
	if t.list[id-1].refs--; t.list[id-1].refs == 0 {
		t.drop(id)
	}
}

// outer returns the header of an id, the zero Outer for untracked.
func (t *tunnels) outer(id uint32) packet.Outer {
	if id == untracked {
		return packet.Outer{}
	}
	return t.list[id-1].outer
}
