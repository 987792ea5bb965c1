package flow

// sample is the number of live flows among which eviction chooses. With eight, a
// vif that holds 80 % of the table is missed once in 390,000 evictions (0.2^8);
// each costs about one cache miss, which a flood of new flows pays for.
const sample = 8

// stride scatters the sample over the table, because neighbours often started
// together and belong to one interface. It is 2^32 divided by the golden ratio,
// whose multiples spread evenly over a table of any size.
const stride = 0x9e3779b1

// evict ends one flow to make room: within a sample, that of the interface with
// the most live flows and, among those, the one that has been silent longest. So
// a qube that floods the table evicts its own flows and not those of others.
func (t *Table) evict() {
	victim, best := uint32(none), (*entry)(nil)
	for n := 0; n < sample; {
		i := uint32(uint64(t.perInterface.cursor) * uint64(t.entries.used) >> 32)
		t.perInterface.cursor += stride
		e := t.entries.at(i)
		if e.slot < 0 {
			continue
		}
		n++
		if best == nil || t.evictsBefore(e, best) {
			victim, best = i, e
		}
	}
	t.end(victim, best, ReasonEvicted)
}

// evictsBefore reports whether a is evicted rather than b.
func (t *Table) evictsBefore(a, b *entry) bool {
	ca, cb := t.perInterface.count[a.key.Iface], t.perInterface.count[b.key.Iface]
	if ca != cb {
		return ca > cb
	}
	return a.touched < b.touched
}

// perInterface counts the live flows of each interface. It changes when a flow
// starts or ends, not with every packet.
type perInterface struct {
	count  map[uint32]int
	cursor uint32 // where the next sample starts, as a fraction of the table
}

// countLive counts a flow that begins (+1) or ends (-1).
func (t *Table) countLive(iface uint32, change int) {
	if change > 0 {
		t.perInterface.add(iface)
	} else {
		t.perInterface.remove(iface)
	}
	if t.cfg.Live != nil {
		t.cfg.Live(iface, change)
	}
}

func (c *perInterface) init() { c.count = make(map[uint32]int) }

func (c *perInterface) add(iface uint32) { c.count[iface]++ }

func (c *perInterface) remove(iface uint32) {
	if c.count[iface]--; c.count[iface] == 0 {
		delete(c.count, iface)
	}
}
