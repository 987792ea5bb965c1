package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// maxTunnels bounds the outer headers that are kept. Flows of further tunnels
// are metered without their outer header and counted.
const maxTunnels = 4096

// tunnels numbers the outer headers of the live flows, so that the many flows
// without one do not pay for it.
type tunnels struct {
	ids  map[packet.Outer]uint32
	list []tunnel // by id-1
	free []uint32
	full uint64
}

type tunnel struct {
	outer packet.Outer
	refs  int
}

// beyond is the id of all tunnels that found no place.
const beyond = maxTunnels + 1

func (t *tunnels) init() { t.ids = make(map[packet.Outer]uint32) }

// id returns the number of an outer header, the same for both directions. The
// caller holds it before anything else happens, and releases it.
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
		return beyond
	}
	return t.place(key)
}

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

func (t *tunnels) drop(id uint32) {
	if key := t.list[id-1].outer; t.ids[key] == id {
		delete(t.ids, key)
		t.free = append(t.free, id)
	}
}

func (t *tunnels) hold(id uint32) {
	if id != 0 && id != beyond {
		t.list[id-1].refs++
	}
}

func (t *tunnels) release(id uint32) {
	if id == 0 || id == beyond {
		return
	}
	if t.list[id-1].refs--; t.list[id-1].refs == 0 {
		t.drop(id)
	}
}

// outer returns the header of an id; for tunnels without a place, the zero one.
func (t *tunnels) outer(id uint32) packet.Outer {
	if id == beyond {
		return packet.Outer{}
	}
	return t.list[id-1].outer
}
