package verify

import "github.com/qubesbeat/qubesbeat/internal/packet"

// quick counts a packet that can change no verdict, and reports whether it is one: one more
// of a conversation that nothing is expected of, or one on another interface while nothing is
// looked for there. These are nearly all packets, and this is what verification costs the
// meter. All others, and the first of each second, go the whole way.
func (v *Verifier) quick(p *packet.Packet) bool {
	own := p.Time + v.shift
	at := &v.points[p.Iface%pointSlots]
	if own < v.now || own >= v.due || p.Outer.Kind != packet.TunnelNone || !at.known || at.iface != p.Iface {
		return false
	}
	s, inbound := at.subject, p.Direction == packet.Inbound
	switch {
	case s == nil:
		if inbound {
			break
		}
		if v.tracer.n != 0 || len(v.env.Upstreams) != 0 {
			return false
		}
		v.outgoing = max(own, 1)
	case own-s.looked >= refreshEvery || s.looked == 0:
		return false
	case inbound:
		if !s.sendsSettled(p) {
			return false
		}
		s.sent++
		s.lastSent = own
		s.to = destination{p.Dst, p.Family, p.Proto, p.DstPort}
		v.stats.Packets++
		v.stats.NotJudged++
		v.now = own
		return true
	case p.Direction != packet.Outbound || v.tracer.n != 0 || !s.getsSettled(p):
		return false
	}
	v.stats.Others++
	v.now = own
	return true
}

// sendsSettled reports whether no packet of a conversation that the qube sends can change a
// verdict.
func (s *subject) sendsSettled(p *packet.Packet) bool {
	if s.byAddress && (s.looks == 0 || s.expect != nil) {
		a := s.plain.find(p, false)
		return a != nil && a.class == classOutside && !a.spoofed && !a.doh && !isDNS(p)
	}
	e := s.memo.look(p, false)
	return e != nil && e.settled
}

// getsSettled is sendsSettled for what the qube is sent.
func (s *subject) getsSettled(p *packet.Packet) bool {
	if s.byAddress {
		a := s.plain.find(p, true)
		return a != nil && a.class == classOutside
	}
	e := s.memo.look(p, true)
	return e != nil && e.class == classOutside
}
