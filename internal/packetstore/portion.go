package packetstore

// slotOf returns the slot of a packet's flow, and makes it if the segment does not know
// the flow; nil if the packet is of no flow or there is no room.
func (s *Store) slotOf(g *segment, p *Packet) (uint32, *slot) {
	if p.Account == nil {
		return 0, nil
	}
	if a := p.Account; a.segment == g.seq && uint32(a.slot) < g.notes.flows {
		return uint32(a.slot), g.notes.slot(uint32(a.slot))
	}
	if g.notes.flows >= maxFlows {
		return 0, nil
	}
	sl := s.stock.flow(&g.notes)
	if sl == nil {
		s.tighten()
		return 0, nil
	}
	sl.start(s.info(p), p.At)
	sl.limit = s.limitOf(g, sl)
	p.Account.segment, p.Account.slot = g.seq, uint16(g.notes.flows-1)
	return g.notes.flows - 1, sl
}

// info returns what names the flow of a packet.
func (s *Store) info(p *Packet) *FlowInfo {
	if p.Flow != nil {
		return p.Flow
	}
	p.Describe(&s.described)
	return &s.described
}

// portion returns how many bytes of a packet are stored, and why not more.
func (s *Store) portion(g *segment, p *Packet, sl *slot) (n int, k kind) {
	most := s.conf.Snaplen
	if g.headers {
		most = min(most, cutBytes)
	}
	if n = min(len(p.Data), most); n < min(p.Length, most) {
		k = cutPressure // by the capture, whose ring was filling up
	}
	if sl != nil && sl.limit > 0 && sl.bytes >= uint64(sl.limit) && n > flowCutBytes {
		if !s.lifted(sl) {
			return flowCutBytes, cutFlow
		}
		sl.limit = 0
	}
	if n > cutBytes && (s.level == levelShort || s.pressed(g.iface) || s.pool.greedy(g.iface) || g.held && g.end > chunkSize/2) {
		return cutBytes, cutPressure
	}
	return n, k
}

// pressed reports whether packets of an interface are cut because the buffers run full: of those that
// fill them, and of all when there is little left.
func (s *Store) pressed(iface uint32) bool {
	return s.pressure.Load() && (s.pool.filling(iface) || s.pool.short())
}
