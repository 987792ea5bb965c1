package capture

import (
	"maps"
	"slices"

	"golang.org/x/net/bpf"
)

// heavy is the interfaces that fill the ring while it is strained: their frames are cut first, for a
// guest that downloads must not cost the packets of another one.
type heavy struct {
	all   []uint32
	count int // blocks since they were looked for
}

// begin takes over those that were found when the ring began to be strained.
func (c *heavy) begin(found []uint32) { c.all, c.count = found, 0 }

// join adds those that were found later, and reports whether one of them is new.
func (c *heavy) join(found []uint32) bool {
	before := len(c.all)
	for _, index := range found {
		if !slices.Contains(c.all, index) {
			c.all = append(slices.Clip(c.all), index) // the filter has the slice as it was
		}
	}
	return len(c.all) > before
}

// heavySample is how many blocks are looked at: some 10,000 frames at most, 0.1 ms.
const heavySample = 8

// heavyEvery is how often a strained ring is looked at, in parts of its blocks.
const heavyEvery = 16

// heavier looks, once in a while, for interfaces that have begun to fill the ring, and reports
// whether there are any.
func (r *Ring) heavier() bool {
	if r.heavy.count++; r.heavy.count < len(r.mem)/blockSize/heavyEvery {
		return false
	}
	r.heavy.count = 0
	return r.heavy.join(r.heavyNow())
}

// heavyNow returns the interfaces that have more than their share of the blocks that wait.
func (r *Ring) heavyNow() []uint32 {
	bytes := map[uint32]int{}
	blocks := len(r.mem) / blockSize
	for n := 0; n < blocks/3; n += (blocks/3 + heavySample - 1) / heavySample {
		if r.waits(n) {
			r.weigh((r.block+n)%blocks, bytes)
		}
	}
	return aboveShare(bytes)
}

// weigh adds the bytes that each interface has in a block that waits.
func (r *Ring) weigh(block int, bytes map[uint32]int) {
	h := r.header(block)
	held := r.mem[block*blockSize : (block+1)*blockSize]
	for at, left := h.Offset_to_first_pkt, h.Num_pkts; left > 0; left-- {
		f, addr := frameAt(held[at:])
		bytes[uint32(addr.Ifindex)] += int(f.Snaplen)
		at += f.Next_offset
	}
}

// aboveShare returns the interfaces that have as much as each would have of equal shares, or more, in
// the order of their numbers.
func aboveShare(bytes map[uint32]int) (above []uint32) {
	total := 0
	for _, n := range bytes {
		total += n
	}
	for _, index := range slices.Sorted(maps.Keys(bytes)) {
		if bytes[index]*len(bytes) >= total {
			above = append(above, index)
		}
	}
	return above
}

// relief returns the program for a ring that is strained by some interfaces, or by all if there are
// none; if it cannot be made, that of a ring that is squeezed. It is called with filter held.
func (r *Ring) relief(loading []uint32) []bpf.RawInstruction {
	p, err := r.program(r.input, strained, loading)
	if err != nil {
		return r.programs[squeezed]
	}
	return p
}
