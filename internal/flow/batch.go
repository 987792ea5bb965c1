package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// BatchSize is the largest number of packets that UpdateBatch accepts. A core has
// ten to sixteen line fill buffers, so a larger batch would gain nothing and cost
// cache.
const BatchSize = 16

// batchFrom is the number of live flows from which on batching pays. A smaller
// table fits into a core's second-level cache (1 MiB of entries).
const batchFrom = 5000

// UpdateBatch meters packets as Update does, one after the other, and is faster
// if there are many flows: the memory of all flows in the batch is requested
// before the first is used, so that the core waits for all cache misses at once.
// With 50,000 flows, where nearly every packet misses the caches, this takes 25
// to 40 % less time than calling Update for each. ps must have at most BatchSize
// packets.
func (t *Table) UpdateBatch(ps []packet.Packet) { t.updateBatch(ps, nil) }

// UpdateBatchRefs is like UpdateBatch and sets refs[i] to the flow of ps[i]. They are
// valid until the next call of any method but Describe and Stats, also where a later
// packet of the batch has ended the flow.
func (t *Table) UpdateBatchRefs(ps []packet.Packet, refs *[BatchSize]Ref) {
	t.entries.hold(true)
	t.updateBatch(ps, refs)
}

// updateBatch meters a batch; refs may be nil.
func (t *Table) updateBatch(ps []packet.Packet, refs *[BatchSize]Ref) {
	if t.entries.live < batchFrom {
		for i := range ps {
			e := t.meter(&ps[i])
			if refs != nil {
				refs[i] = Ref{e}
			}
		}
		return
	}
	var probes [BatchSize]probe
	var touched uint32
	for i := range ps {
		p := &ps[i]
		b := &probes[i]
		if p.Fragment == packet.FragmentNone && p.Outer.Kind == packet.TunnelNone {
			b.key, b.swapped = keyOf(p, 0)
			b.hash = b.key.hash(&t.seed)
			b.ready = true
			b.slot = t.index.home(b.hash)
		}
	}
	for i := range ps {
		touched += t.entries.touch(probes[i].slot)
	}
	t.touched = touched // keeps the loads from being optimized away
	for i := range ps {
		var e *entry
		if b := &probes[i]; b.ready {
			e = t.update(&ps[i], &b.key, b.hash, b.swapped)
		} else {
			e = t.meter(&ps[i])
		}
		if refs != nil {
			refs[i] = Ref{e}
		}
	}
}

// probe is what the first pass over a batch computes of a packet for the second.
type probe struct {
	key     Key
	hash    uint64
	slot    uint64 // content of the index slot at which the search starts
	swapped bool
	ready   bool // key and hash are set; not for fragments and tunnels, which need the packets before
}

// home returns the content of the slot at which the search for hash starts.
func (x *index) home(hash uint64) uint64 {
	return x.slots[uint32(hash>>32)>>x.shift&uint32(len(x.slots)-1)]
}

// touch reads a word of the entry that an index slot refers to, if any.
func (s *entries) touch(slot uint64) uint32 {
	if slot == 0 {
		return 0
	}
	return s.at(uint32(slot) - 1).key.Iface
}
