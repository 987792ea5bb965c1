package flow

import "math/bits"

// entries holds the live flows in blocks that never move, so that growth copies
// nothing. A freed place is reused, the last freed first.
type entries struct {
	blocks   []*[blockSize]entry
	used     uint32 // places that were ever allocated
	freeHead uint32 // head of the list of free places, as index+1; 0 for none
	live     int

	// While holding is set, places that are freed wait in a list of their own, so that
	// no other flow begins where a Ref still refers to.
	holding            bool
	heldHead, heldTail uint32 // first and last of them, as index+1; 0 for none
}

// blockSize is the number of flows in a block, which takes about 400 KiB: little
// enough for a machine with few flows, and large enough to be allocated rarely.
const blockSize = 2048

// at returns the entry with a number.
func (s *entries) at(i uint32) *entry {
	return &s.blocks[i/blockSize][i%blockSize]
}

// alloc returns the number of a free entry, whose content is that of its last use.
func (s *entries) alloc() uint32 {
	s.live++
	if s.freeHead != 0 {
		i := s.freeHead - 1
		s.freeHead = s.at(i).next
		return i
	}
	i := s.used
	if i%blockSize == 0 {
		s.blocks = append(s.blocks, new([blockSize]entry))
	}
	s.used++
	s.at(i).mark = 0 // a page that is read before it is written costs two faults, and all cores a stop
	return i
}

// free frees an entry.
func (s *entries) free(i uint32) {
	e := s.at(i)
	head := &s.freeHead
	if s.holding {
		if head = &s.heldHead; *head == 0 {
			s.heldTail = i + 1
		}
	}
	e.slot, e.next = -1, *head
	*head = i + 1
	s.live--
}

// hold begins or ends to keep freed places from being used again. Those that were kept
// before can be used now.
func (s *entries) hold(on bool) {
	if s.holding = on; s.heldHead == 0 {
		return
	}
	s.at(s.heldTail - 1).next = s.freeHead
	s.freeHead, s.heldHead, s.heldTail = s.heldHead, 0, 0
}

// index finds the entry of a key: an open-addressing hash table of 8-byte slots
// with linear probing. A slot holds 32 bits of the hash, which decide nearly every
// comparison without a look at the entry, and the entry's number plus one; 0 is an
// empty slot.
type index struct {
	slots []uint64
	shift uint // the upper half of a hash >> shift is the slot
	count int
}

// indexStart is the number of slots of an empty table, a power of two: 32 KiB.
const indexStart = 1 << 12

func (x *index) init() { x.resize(indexStart) }

// resize replaces the slots by n empty ones; n must be a power of two.
func (x *index) resize(n int) {
	x.slots = make([]uint64, n)
	x.shift = 32 - uint(bits.Len(uint(n))-1)
}

// find returns the number of the entry of key, or none. The place of the slot and
// the tag in it both come from the upper half of the hash, whose bits the
// multiplication mixes best.
func (x *index) find(hash uint64, key *Key, all *entries) uint32 {
	tag := uint32(hash >> 32)
	mask := uint32(len(x.slots) - 1)
	for s := tag >> x.shift; ; s++ {
		slot := x.slots[s&mask]
		if slot == 0 {
			return none
		}
		if uint32(slot>>32) == tag {
			if i := uint32(slot) - 1; all.at(i).key.equal(key) {
				return i
			}
		}
	}
}

// insert adds an entry that is not in the index yet.
func (x *index) insert(hash uint64, i uint32, all *entries) {
	if x.count >= len(x.slots)*3/4 {
		x.grow(all)
	}
	x.put(uint32(hash>>32), i)
	x.count++
}

// put stores an entry in the first empty slot from its place on.
func (x *index) put(tag, i uint32) {
	mask := uint32(len(x.slots) - 1)
	s := tag >> x.shift & mask
	for x.slots[s] != 0 {
		s = (s + 1) & mask
	}
	x.slots[s] = uint64(tag)<<32 | uint64(i+1)
}

// grow doubles the index. Up to the default bound of 500,000 flows this happens
// eight times in the life of the process, the last time in about 10 ms.
func (x *index) grow(all *entries) {
	old := x.slots
	x.resize(2 * len(old))
	for _, slot := range old {
		if slot != 0 {
			x.put(uint32(slot>>32), uint32(slot)-1)
		}
	}
}

// remove deletes an entry and closes the gap (Knuth, volume 3, algorithm 6.4R),
// so that no tombstones accumulate.
func (x *index) remove(tag, i uint32) {
	mask := uint32(len(x.slots) - 1)
	s := tag >> x.shift & mask
	for uint32(x.slots[s]) != i+1 {
		s = (s + 1) & mask
	}
	x.count--
	for gap := s; ; {
		x.slots[gap] = 0
		for {
			s = (s + 1) & mask
			if x.slots[s] == 0 {
				return
			}
			home := uint32(x.slots[s]>>32) >> x.shift & mask
			if (s-home)&mask >= (s-gap)&mask {
				break
			}
		}
		x.slots[gap] = x.slots[s]
		gap = s
	}
}
