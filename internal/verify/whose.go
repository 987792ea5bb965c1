package verify

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// pointSlots is how many observation points are found without a search.
const pointSlots = 64

// point is an observation point: the vif of a subject, or another interface.
type point struct {
	subject  *subject // nil if it is no vif
	iface    uint32
	known    bool
	nameless bool   // packets are attributed by their addresses
	account  uint16 // of its packets, if it is no vif
}

// lookUp finds what an interface is.
func (v *Verifier) lookUp(at *point, p *packet.Packet) {
	v.compare(p.Iface)
	*at = point{iface: p.Iface, known: true, subject: v.subjects[p.Iface]}
	if at.subject != nil || v.others[p.Iface] {
		return
	}
	name := v.conf.World.Name(p.Iface)
	domain, isVif := qube.VifDomain(name)
	switch {
	case isVif:
		s := v.add(p, name, domain) // may clear the points
		*at = point{iface: p.Iface, known: true, subject: s}
	case name == "":
		at.nameless, v.nameless = true, true
	case name == "lo":
		at.account = ofLoopback
	case len(v.others) < maxSubjects:
		v.others[p.Iface] = true
	}
}

// askAgain asks for the names of interfaces without one again, for they may come late, and has
// the holders of addresses asked for.
func (v *Verifier) askAgain() {
	clear(v.holders[:])
	for i := range v.points {
		if at := &v.points[i]; at.nameless && v.conf.World.Name(at.iface) != "" {
			*at = point{}
			v.forget()
		}
	}
}

// subjectOf returns the subject of a packet, nil if there is none, and whether it has sent the
// packet.
func (v *Verifier) subjectOf(at *point, p *packet.Packet) (s *subject, from bool) {
	s, unknown := at.subject, p.Direction == packet.DirectionUnknown
	switch {
	case s != nil && unknown:
		return s, sentBy(s, p)
	case s == nil && at.nameless:
		s, from = v.byAddress(p)
	}
	return s, unknown && from || p.Direction == packet.Inbound
}

// sentBy reports whether, by its addresses, the qube of a vif has sent a packet.
func sentBy(s *subject, p *packet.Packet) bool {
	return s.qube == nil || s.qube.Owns(p.Src.Netip(p.Family)) || !s.qube.Owns(p.Dst.Netip(p.Family))
}

// maxSubjects bounds the vifs that are remembered.
const maxSubjects = 1024

// byAddress returns the subject of a packet on an interface without a name, as capture files
// have it, and whether it has sent the packet: then the address has to do.
func (v *Verifier) byAddress(p *packet.Packet) (s *subject, from bool) {
	if s := v.holder(p, &p.Src); s != nil {
		return s, true
	}
	return v.holder(p, &p.Dst), false
}

// holder returns the subject that has an address of a packet, nil if it is no qube's.
func (v *Verifier) holder(p *packet.Packet, a *packet.Addr) *subject {
	if s := v.holders.find(a, p.Family); s != nil {
		return s
	}
	q := v.conf.World.ByAddr(a.Netip(p.Family), time.Unix(0, p.Time))
	if q == nil {
		return nil
	}
	s := v.ofQube(p, q)
	v.holders.keep(a, p.Family, s)
	return s
}

// ofQube returns the subject of a qube in a capture without names of interfaces.
func (v *Verifier) ofQube(p *packet.Packet, q *qube.Qube) *subject {
	if s := v.named[q.Name]; s != nil {
		return s
	}
	s := v.add(p, "", qube.NoDomain)
	delete(v.subjects, p.Iface)
	s.qube = q
	v.named[q.Name] = s
	return s
}

// add adds the subject of a vif.
func (v *Verifier) add(p *packet.Packet, name string, domain int32) *subject {
	if len(v.subjects)+len(v.named) >= maxSubjects {
		v.evict()
	}
	s := &subject{iface: p.Iface, name: name, domain: domain, begun: p.Time, begunOwn: v.now, boot: true}
	v.subjects[p.Iface] = s
	v.accounts.take(s)
	v.forget() // with a new vif, others may be seen in another light
	return s
}

// evict forgets the subject that has been silent for the longest time.
func (v *Verifier) evict() {
	var oldest *subject
	for _, s := range v.all() {
		if s != v.self && (oldest == nil || s.last < oldest.last) {
			oldest = s
		}
	}
	if oldest == nil {
		return
	}
	v.stats.Evicted++
	v.tracer.forget(oldest)
	clear(v.points[:])
	clear(v.holders[:])
	v.wait(oldest, -oldest.waiting)
	v.reopen() // while the accounts are there
	v.accounts.give(oldest)
	v.forget()
	if v.subjects[oldest.iface] == oldest {
		delete(v.subjects, oldest.iface)
	}
	if oldest.qube != nil && v.named[oldest.qube.Name] == oldest {
		delete(v.named, oldest.qube.Name)
	}
}

// class of the subject in what is shared.
func (s *subject) share() share.Class { return share.Class(s.iface) }
