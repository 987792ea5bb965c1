package verify

import (
	"encoding/binary"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Quick counts a packet that can change no verdict, and reports whether it is one: one more
// of a conversation that nothing is expected of, or one on another interface while nothing is
// looked for there. These are nearly all packets, and this is what verification costs the
// meter. All others, and the first of each second, are for [Verifier.Packet].
func (v *Verifier) Quick(p *packet.Packet) bool {
	own := p.Time + v.shift
	at := &v.points[p.Iface%pointSlots]
	if own < v.now || own >= v.due || !at.known || at.iface != p.Iface || p.Outer.Kind != packet.TunnelNone {
		return false
	}
	switch {
	case at.nameless:
		return false
	case at.subject == nil:
		return v.quickElsewhere(p, own)
	}
	return v.quickVif(at.subject, p, own)
}

// quickElsewhere is Quick on an interface that is no vif.
func (v *Verifier) quickElsewhere(p *packet.Packet, own int64) bool {
	if p.Direction != packet.Inbound {
		if v.tracer.n != 0 || len(v.env.Upstreams) != 0 {
			return false
		}
		v.outgoing = max(own, 1)
	}
	v.stats.Others++
	v.now = own
	return true
}

// quickVif is Quick on the vif of a subject.
func (v *Verifier) quickVif(s *subject, p *packet.Packet, own int64) bool {
	if own-s.looked >= refreshEvery || s.looked == 0 {
		return false
	}
	switch p.Direction {
	case packet.Inbound:
		if !s.sendsSettled(p) {
			return false
		}
		s.sent++
		s.lastSent = own
		s.to.addr, s.to.family, s.to.proto, s.to.port = p.Dst, p.Family, p.Proto, p.DstPort
		v.stats.Packets++
		v.stats.NotJudged++
	case packet.Outbound:
		if v.tracer.n != 0 || s.asked.open != 0 || !s.getsSettled(p) {
			return false
		}
		v.stats.Others++
	default:
		return false
	}
	v.now = own
	return true
}

// sendsSettled reports whether no packet of a conversation that the qube sends can change a
// verdict.
func (s *subject) sendsSettled(p *packet.Packet) bool {
	if s.byAddress && (s.looks == 0 || s.expect != nil) && !isDNS(p) {
		if s.hot.has(p, false) {
			return true
		}
		a := s.plain.find(p, false)
		return a != nil && a.settled()
	}
	e := s.memo.look(p, false)
	return e != nil && e.settled
}

// getsSettled is sendsSettled for what the qube is sent.
func (s *subject) getsSettled(p *packet.Packet) bool {
	if s.byAddress {
		if s.hot.has(p, true) {
			return true
		}
		a := s.plain.find(p, true)
		return a != nil && a.settled()
	}
	e := s.memo.look(p, true)
	return e != nil && e.class == classOutside
}

// hotSlots is how many pairs of IPv4 addresses of a vif are found at one look. It is a power
// of two.
const hotSlots = 256

// hotPairs are pairs of IPv4 addresses whose TCP and UDP is settled, as far as it depends on
// addresses.
type hotPairs [hotSlots]hotPair

type hotPair struct {
	pair     uint64
	known    bool
	outbound bool
}

// slot returns the addresses of a packet as a number, and their place.
func (h *hotPairs) slot(p *packet.Packet) (uint64, *hotPair) {
	pair := uint64(binary.LittleEndian.Uint32(p.Src[:]))<<32 | uint64(binary.LittleEndian.Uint32(p.Dst[:]))
	return pair, &h[pair*0x9e3779b97f4a7c15>>56&(hotSlots-1)]
}

// has reports whether the addresses of a packet are known to be settled.
func (h *hotPairs) has(p *packet.Packet, outbound bool) bool {
	pair, at := h.slot(p)
	return at.pair == pair && at.known && at.outbound == outbound && p.Family == 4 && (p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP)
}

// add remembers that the addresses of a packet are settled.
func (h *hotPairs) add(p *packet.Packet, outbound bool) {
	if p.Family == 4 {
		pair, at := h.slot(p)
		*at = hotPair{pair, true, outbound}
	}
}
