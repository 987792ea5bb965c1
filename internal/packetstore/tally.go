package packetstore

// count is a number of packets and their bytes on the wire.
type count struct{ packets, bytes uint64 }

func (c *count) add(o count) { c.packets += o.packets; c.bytes += o.bytes }
func (c *count) sub(o count) { c.packets -= o.packets; c.bytes -= o.bytes }

// kind says how much of a packet is stored.
type kind uint8

const (
	whole       kind = iota // as much as the settings ask for
	cutFlow                 // its headers, because its flow is above the limit
	cutPressure             // its headers, because memory or disk is short
	kinds
)

// tally counts packets by kind.
type tally [kinds]count

func (t *tally) merge(o *tally) {
	for k := range t {
		t[k].add(o[k])
	}
}

func (t *tally) less(o *tally) {
	for k := range t {
		t[k].sub(o[k])
	}
}

// sum returns the packets of all kinds.
func (t *tally) sum() (c count) {
	for k := range t {
		c.add(t[k])
	}
	return c
}

// counters account for every frame: frames = written (of all kinds) + excluded +
// lostMemory + lostDisk + waiting.
type counters struct {
	frames     count
	written    tally
	excluded   count
	lostMemory count
	lostDisk   count
	evicted    count // of written: packets, and bytes on the disk
	waiting    tally

	sealed, compressed, repaired, damaged  uint64 // segments
	evictedAge, evictedQuota, evictedSpace uint64
	forgotten                              uint64
	pressureChanges, unindexed, faults     uint64
	bytesCut                               uint64 // by repairs
	lostCrash                              uint64 // packets of earlier runs that repairs did not find
}

// missing returns what the counters fail to account for; the zero count if all is well.
func (c *counters) missing() count {
	m := c.frames
	for _, n := range []count{c.written.sum(), c.waiting.sum(), c.excluded, c.lostMemory, c.lostDisk} {
		m.sub(n)
	}
	return m
}
