package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// BatchSize is the largest number of packets that UpdateBatch accepts. A core has
// ten to sixteen line fill buffers, so a larger batch would gain nothing and cost
// cache.
const BatchSize = 16

// UpdateBatch meters packets as Update does, one after the other, and is faster: the memory of
// all flows in the batch is requested before the first is used, so that the core waits for
// all cache misses at once. That pays with few flows, too, as a live capture is woken for
// some packets, after others have used the caches. ps must have at most BatchSize packets.
func (t *Table) UpdateBatch(ps []packet.Packet) { t.updateBatch(ps, nil) }

// UpdateBatchRefs is like UpdateBatch and sets refs[i] to the flow of ps[i]. They are
// valid until the next call of any method but Describe and Stats, also where a later
// packet of the batch has ended the flow.
func (t *Table) UpdateBatchRefs(ps []packet.Packet, refs *[BatchSize]Ref) {
	t.entries.hold(true)
	t.updateBatch(ps, refs)
}

// updateBatch meters a batch; refs may be nil. Each look at memory has a loop of its own, so
// short that the core begins the next ones while it waits for the first.
func (t *Table) updateBatch(ps []packet.Packet, refs *[BatchSize]Ref) {
	probes := t.probes[:len(ps)]
	for i := range ps {
		probes[i].set(&ps[i])
	}
	for i := range probes {
		probes[i].hash = probes[i].key.hash(&t.seed)
	}
	for i := range probes {
		probes[i].slot = t.index.home(probes[i].hash)
	}
	var touched uint32
	for i := range probes {
		touched += t.entries.touch(probes[i].slot)
	}
	t.touched = touched // keeps the loads from being optimized away
	for i := range ps {
		var e *entry
		b := &probes[i]
		way := b.way
		if way < Ways {
			e = t.update(&ps[i], &b.key, b.hash, way.Back())
		} else {
			e = t.meter(&ps[i])
		}
		if refs != nil {
			refs[i] = Ref{e, way}
		}
	}
}

// probe is what the first pass over a batch computes of a packet for the second.
type probe struct {
	key  Key
	hash uint64
	slot uint64 // content of the index slot at which the search starts
	way  Way
}

// set computes the key of p, if that does not depend on the packets before: fragments and tunnels
// need them.
func (b *probe) set(p *packet.Packet) {
	b.way = Ways
	if p.Fragment == packet.FragmentNone && p.Outer.Kind == packet.TunnelNone {
		b.way = wayOf(p, b.key.set(p, 0))
	}
}

// home returns the content of the slot at which the search for hash starts.
func (x *index) home(hash uint64) uint64 {
	return x.slots[uint32(hash>>32)>>x.shift&uint32(len(x.slots)-1)]
}

// touch reads a word of both cache lines of the entry that an index slot refers to, if any.
func (s *entries) touch(slot uint64) uint32 {
	if slot == 0 {
		return 0
	}
	e := s.at(uint32(slot) - 1)
	return e.key.Iface + uint32(e.last)
}
