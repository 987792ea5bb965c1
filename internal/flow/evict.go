package flow

// sample is how many live flows eviction looks at. With eight, a vif that holds
// 80 % of the table is found in all but 1 of 390,000 tries; each costs about one
// cache miss, which is what a flood of new flows pays.
const sample = 8

// stride scatters the sample over the table: neighbours often belong to one
// interface, because they came together. It is 2^32 divided by the golden ratio,
// whose multiples spread evenly over a table of any size.
const stride = 0x9e3779b1

// evict ends one flow to make room. It takes the flow of the most crowded
// interface among a sample, the longest silent one of those: a qube that floods
// the table evicts its own flows, and the flows of the others stay.
func (t *Table) evict() {
	victim, best := uint32(none), (*entry)(nil)
	for n := 0; n < sample; {
		i := uint32(uint64(t.crowd.hand) * uint64(t.entries.used) >> 32)
		t.crowd.hand += stride
		e := t.entries.at(i)
		if e.slot < 0 {
			continue
		}
		n++
		if best == nil || t.worse(e, best) {
			victim, best = i, e
		}
	}
	t.end(victim, best, ReasonEvicted)
}

// worse tells that a is to go before b.
func (t *Table) worse(a, b *entry) bool {
	ca, cb := t.crowd.count[a.key.Iface], t.crowd.count[b.key.Iface]
	if ca != cb {
		return ca > cb
	}
	return a.touched < b.touched
}

// crowd counts the live flows of each interface. It is touched when a flow
// starts or ends, not per packet.
type crowd struct {
	count map[uint32]int
	hand  uint32 // where the next sample starts
}

func (c *crowd) init() { c.count = make(map[uint32]int) }

func (c *crowd) join(iface uint32) { c.count[iface]++ }

func (c *crowd) leave(iface uint32) {
	if c.count[iface]--; c.count[iface] == 0 {
		delete(c.count, iface)
	}
}
