package dnscache

// index finds entries by hash: open addressing with linear probing. A place is
// the offset of an entry in a queue, plus one; the highest bit says which queue.
type index struct {
	slots []slot
	used  int
}

type slot struct {
	hash  uint32
	place uint32 // 0: free
}

const inLarge = 1 << 31

func (x *index) home(hash uint64) int { return int(hash>>32) & (len(x.slots) - 1) }

// find calls is with the place of each entry that may have the hash, until it
// returns true.
func (x *index) find(hash uint64, is func(place uint32) bool) (i int, ok bool) {
	for i = x.home(hash); x.slots[i].place != 0; i = (i + 1) & (len(x.slots) - 1) {
		if x.slots[i].hash == uint32(hash>>32) && is(x.slots[i].place) {
			return i, true
		}
	}
	return i, false
}

// put notes where an entry is. There must be a free slot.
func (x *index) put(hash uint64, place uint32) {
	i := x.home(hash)
	for ; x.slots[i].place != 0; i = (i + 1) & (len(x.slots) - 1) {
	}
	x.slots[i] = slot{uint32(hash >> 32), place}
	x.used++
}

// remove forgets an entry and closes the gap, so that no search ends early.
func (x *index) remove(hash uint64, place uint32) {
	mask := len(x.slots) - 1
	i := x.home(hash)
	for ; x.slots[i].place != place; i = (i + 1) & mask {
		if x.slots[i].place == 0 {
			return
		}
	}
	for j := (i + 1) & mask; x.slots[j].place != 0; j = (j + 1) & mask {
		if home := int(x.slots[j].hash) & mask; (j-home)&mask >= (j-i)&mask {
			x.slots[i], i = x.slots[j], j
		}
	}
	x.slots[i] = slot{}
	x.used--
}
