package flow

import "github.com/qubesbeat/qubesbeat/internal/packet"

// Shunt counts the packets of some flows in the place of the table, which then does not get
// them. What could change more than the counters of a flow it never counts: SYN, FIN and
// RST, for example. It is called from within the methods of the table only.
type Shunt interface {
	// Begin has the packets of a flow counted from now on, of which p is one. It returns a
	// number for the flow, or 0 if they are not counted. p is not kept.
	Begin(p *packet.Packet) (place uint16)

	// Read fills in c with what was counted since the last Read.
	Read(place uint16, c *Counted)

	// Stop ends the counting: the table gets the packets that follow. What is under way may
	// still be counted.
	Stop(place uint16)

	// Free stops, and forgets the flow. The number may be used for another flow.
	Free(place uint16)

	// Reset frees all flows.
	Reset()
}

// Counted is what a [Shunt] has counted of a flow.
type Counted struct {
	Packets, Bytes [2]uint64 // by sender: the lower address, the higher
	Flags          [2]uint8  // TCP flags, or-ed since Begin
	First, Last    int64     // packet times, valid if there are packets
	Over           bool      // nothing more is counted
}

// A flow is shunted when it has had bulkPackets packets twice, the second time within
// bulkTime, and not any more when it has had less than coldPackets between two sweeps.
const (
	bulkPackets = 32
	bulkTime    = int64(1e9)
	coldPackets = 8

	candidates = 4096 // flows that are looked at at once, by the numbers of their entries
)

// shunting is what a table knows of its shunted flows.
type shunting struct {
	places     []shunted // by place, up to the highest that was ever used
	live       int
	candidates [candidates]candidate
	counted    Counted       // scratch
	packet     packet.Packet // scratch: a packet that is passed on would escape to the heap
}

// shunted is a flow in a place of the shunt.
type shunted struct {
	entry uint32 // its number plus one, 0 for none
	over  bool   // no packet was being counted when it was read the last time
	old   bool   // it has seen a sweep
}

// candidate is a flow that may move bulk.
type candidate struct {
	entry uint32 // its number plus one
	at    int64  // table time of its last bulkPackets packets
}

// consider shunts the flow of an entry if it moves bulk. It is called with every
// bulkPackets packets of it.
func (t *Table) consider(i uint32, e *entry, p *packet.Packet, now int64) {
	s := t.shunt
	if e.place != 0 || e.is(closing) || e.key.Tunnel != 0 || !p.HasL4 {
		return
	}
	c := &s.candidates[i%candidates]
	if c.entry != i+1 || now-c.at > bulkTime {
		*c = candidate{i + 1, now}
		return
	}
	c.at = now
	s.packet = *p
	if e.place = t.cfg.Shunt.Begin(&s.packet); e.place != 0 {
		for len(s.places) <= int(e.place) {
			s.places = append(s.places, shunted{})
		}
		s.places[e.place] = shunted{entry: i + 1}
		s.live++
	}
}

// absorb adds what was counted of a flow to its entry, as if its packets had been metered
// one by one, and returns how many there were. The flow must be shunted.
func (t *Table) absorb(e *entry) uint64 {
	c := &t.shunt.counted
	t.cfg.Shunt.Read(e.place, c)
	packets := c.Packets[0] + c.Packets[1]
	if packets == 0 {
		return 0
	}
	for sender := range 2 {
		if c.Packets[sender] == 0 {
			continue
		}
		s := sideOf(e, sender == 1)
		e.packets[s] += c.Packets[sender]
		e.bytes[s] += c.Bytes[sender]
		e.sends(s)
		if t.cfg.Shunted != nil {
			t.cfg.Shunted(t.likely(e, sender, c.Last), c.Packets[sender], c.Bytes[sender])
		}
		if e.key.Proto == packet.ProtoTCP {
			e.tcp.flags[s] |= c.Flags[sender]
		}
	}
	e.span(c.First)
	e.span(c.Last)
	e.touched = max(e.touched, c.Last+t.skew)
	bytes := c.Bytes[0] + c.Bytes[1]
	t.stats.Packets += packets
	t.stats.Bytes += bytes
	t.stats.ShuntedPackets += packets
	t.stats.ShuntedBytes += bytes
	return packets
}

// likely returns what is known of the last packet that a sender of a shunted flow has sent.
func (t *Table) likely(e *entry, sender int, at int64) *packet.Packet {
	k, p := &e.key, &t.shunt.packet
	*p = packet.Packet{Time: at, Iface: k.Iface, Family: k.Family, Proto: k.Proto, HasL4: true, Direction: e.side,
		Src: k.A, Dst: k.B, SrcPort: k.APort, DstPort: k.BPort}
	if sender == 1 {
		p.Src, p.Dst, p.SrcPort, p.DstPort = k.B, k.A, k.BPort, k.APort
	}
	if sideOf(e, sender == 1) == responder {
		p.Direction = opposite(e.side)
	}
	return p
}

// opposite returns the direction of the answers to packets of a direction.
func opposite(d packet.Direction) packet.Direction {
	switch d {
	case packet.Inbound:
		return packet.Outbound
	case packet.Outbound:
		return packet.Inbound
	}
	return d
}

// unshunt ends the counting of a flow and adds the rest to its entry.
func (t *Table) unshunt(e *entry) {
	t.cfg.Shunt.Stop(e.place)
	t.absorb(e)
	t.free(e)
}

// free gives the place of a flow back.
func (t *Table) free(e *entry) {
	t.cfg.Shunt.Free(e.place)
	t.shunt.places[e.place] = shunted{}
	t.shunt.live--
	e.place = 0
}

// Shunted returns how many flows are shunted.
func (t *Table) Shunted() int {
	if t.shunt == nil {
		return 0
	}
	return t.shunt.live
}

// Sweep reads the counters of all shunted flows, and has the table get the packets of those
// that move no bulk any more. It is to be called about once a second.
func (t *Table) Sweep() {
	if t.shunt == nil || t.shunt.live == 0 {
		return
	}
	for place := range t.shunt.places {
		if at := &t.shunt.places[place]; at.entry != 0 {
			t.sweep(at)
		}
	}
}

// sweep reads the counters of one flow. A flow that is not counted any more keeps its place
// until the next sweep, for packets that were under way.
func (t *Table) sweep(at *shunted) {
	e := t.entries.at(at.entry - 1)
	packets, over := t.absorb(e), at.over
	switch at.over = t.shunt.counted.Over; {
	case over:
		t.free(e)
		return
	case at.over:
	case packets < coldPackets && at.old:
		t.cfg.Shunt.Stop(e.place)
		at.over = true
	}
	at.old = true
}
