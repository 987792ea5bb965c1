package enrich

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// QubeLookup returns the qube that had a Xen domain id or an address at a time,
// nil if none had.
type QubeLookup interface {
	ByDomain(domid int32, at time.Time) *qube.Qube
	ByAddr(addr netip.Addr, at time.Time) *qube.Qube
}

// Enricher attributes observations to qubes. It is safe for concurrent use if its
// fields are, and they must not change while it is used.
type Enricher struct {
	// Qubes is the inventory; it must not be nil.
	Qubes QubeLookup
	// Name returns the name of an observation point, "" if it has none. It must not
	// be nil, unless only PartiesOn is used.
	Name func(iface uint32) string
	// HasVif reports whether the vif of a Xen domain is or was an observation
	// point of this capture. It may be nil.
	HasVif func(domid int32) bool
	// HasDomains reports whether the inventory has the Xen domain ids of the qubes that
	// run, so that one without is halted. It may be nil.
	HasDomains func() bool
	// Downstream returns the names of the qubes that have the named one as netvm,
	// at the present time. It may be nil.
	Downstream func(name string) []string
	// Local reports whether an address is one of this machine. It may be nil.
	Local func(addr netip.Addr) bool
}

// Observation is what an observation point has seen of two sides.
type Observation struct {
	Iface                uint32           // observation point, as the capture numbers it
	FromSource           packet.Direction // of the source's packets, DirectionUnknown if the capture has none
	Source, Destination  netip.Addr       // on the wire: for a tunnel, the outer ones
	SourceSent, DestSent bool             // which sides have sent a packet
	At                   time.Time
}

// Flow fills e from the record r, which it copies. A tunnel on a vif is a flow between
// its outer addresses, because a qube may write inside what it likes.
func (n *Enricher) Flow(r *flow.Record, e *event.Flow) {
	src, dst := outside(r)
	*e = event.Flow{Record: *r}
	n.Fill(&e.Parties, &Observation{Iface: r.Iface, FromSource: r.FromSource, Source: src, Destination: dst,
		SourceSent: r.Source.Sent, DestSent: r.Destination.Sent, At: time.Unix(0, r.End)})
	if _, onVif := qube.VifDomain(e.Interface); onVif {
		e.TakeOuter()
	}
}

// outside returns the addresses on the wire, which are the ones that anti-spoofing
// checks: for a tunnel, the outer ones.
func outside(r *flow.Record) (src, dst netip.Addr) {
	if r.Outer.Kind != packet.TunnelNone {
		return r.Outer.Src.Netip(r.Outer.Family), r.Outer.Dst.Netip(r.Outer.Family)
	}
	return r.Source.Addr.Netip(r.Family), r.Destination.Addr.Netip(r.Family)
}

// Parties returns the qubes that took part in what was observed.
func (n *Enricher) Parties(s Observation) event.Parties { return n.PartiesOn(n.Name(s.Iface), s) }

// PartiesOn is like Parties for an interface whose name is known; s.Iface is not
// used.
func (n *Enricher) PartiesOn(iface string, s Observation) (p event.Parties) {
	n.fill(&p, iface, &s)
	return p
}

// Fill sets p to what Parties returns, without the copies. It does not keep s.
func (n *Enricher) Fill(p *event.Parties, s *Observation) { n.fill(p, n.Name(s.Iface), s) }

func (n *Enricher) fill(p *event.Parties, iface string, s *Observation) {
	*p = event.Parties{Interface: iface}
	p.SourceQube, p.DestinationQube = n.Qubes.ByAddr(s.Source, s.At), n.Qubes.ByAddr(s.Destination, s.At)
	domid, onVif := qube.VifDomain(p.Interface)
	if !onVif {
		byAddress(p, s)
	} else {
		n.byVif(p, s, n.Qubes.ByDomain(domid, s.At), domid)
	}
	p.Direction = n.direction(p, s, onVif)
	if n.Downstream != nil && p.Qube != nil && p.Qube.ProvidesNetwork {
		p.Downstream = n.Downstream(p.Qube.Name)
	}
}

// Genuine reports whether a source address is plausible on an interface. It is
// false if the interface is the vif of a qube that does not own the address, or the
// address that of a qube whose vif is another one here: the firewall of Qubes drops
// such packets, but only after they have been captured.
func (n *Enricher) Genuine(iface uint32, source netip.Addr, at time.Time) bool {
	domid, onVif := qube.VifDomain(n.Name(iface))
	if !onVif || exempt(source) {
		return true
	}
	if q := n.Qubes.ByDomain(domid, at); q != nil {
		return q.Owns(source)
	}
	owner := n.Qubes.ByAddr(source, at)
	return owner == nil || !n.isElsewhere(owner, domid)
}

// isElsewhere reports whether the vif of a qube is here and is not that of a domain.
func (n *Enricher) isElsewhere(q *qube.Qube, domid int32) bool {
	return q.XID >= 0 && q.XID != domid && n.HasVif != nil && n.HasVif(q.XID)
}

// byAddress attributes what was not seen on a vif. The initiator's qube is
// preferred.
func byAddress(p *event.Parties, s *Observation) {
	switch {
	case p.SourceQube != nil:
		p.Qube, p.Client, p.Attribution = p.SourceQube, s.Source, event.Inventory
	case p.DestinationQube != nil:
		p.Qube, p.Client, p.Attribution = p.DestinationQube, s.Destination, event.Inventory
	}
}

// byVif attributes what was seen on a vif whose qube is q, nil if the inventory
// does not have the domain.
func (n *Enricher) byVif(p *event.Parties, s *Observation, q *qube.Qube, domid int32) {
	fromQube := sourceIsClient(p, s, q)
	client, sent := s.Destination, s.DestSent
	if fromQube {
		client, sent = s.Source, s.SourceSent
	}
	p.Client = client
	if q == nil {
		n.byClientAddress(p, domid, fromQube)
		return
	}
	p.Qube, p.Attribution = q, event.Inventory
	if sent && !q.Owns(client) && !exempt(client) {
		p.Attribution = event.Spoofed
	}
	setSide(p, fromQube, q)
}

// sourceIsClient reports whether the source, and not the destination, is the vif's
// qube: the side whose packets came in on the vif. If the capture has no
// directions, the addresses decide.
func sourceIsClient(p *event.Parties, s *Observation, q *qube.Qube) bool {
	switch s.FromSource {
	case packet.Inbound:
		return true
	case packet.Outbound:
		return false
	}
	if q != nil {
		return q.Owns(s.Source) || p.DestinationQube != q
	}
	return p.SourceQube != nil || p.DestinationQube == nil
}

// byClientAddress attributes what was seen on a vif of an unknown domain by the
// client's address: either the inventory has no domain ids, or the qube has just been
// restarted. If the address belongs to a qube that has another vif here, the client has
// spoofed it. If it belongs to a qube that is halted, the next push will say whether
// that was started; until then it is the one qube that cannot have sent anything.
func (n *Enricher) byClientAddress(p *event.Parties, domid int32, fromQube bool) {
	q := p.DestinationQube
	if fromQube {
		q = p.SourceQube
	}
	if q == nil {
		return
	}
	switch {
	case n.isElsewhere(q, domid):
		p.Attribution = event.Spoofed
		setSide(p, fromQube, nil)
		return
	case q.XID < 0 && n.HasDomains != nil && n.HasDomains():
		setSide(p, fromQube, nil)
		return
	}
	p.Qube, p.Attribution = q, event.Inventory
}

// setSide sets the qube of the client's side, for which the vif is better evidence
// than the address.
func setSide(p *event.Parties, source bool, q *qube.Qube) {
	if source {
		p.SourceQube = q
	} else {
		p.DestinationQube = q
	}
}

// exempt reports whether any qube may send from an address: the unspecified one, which
// DHCP and duplicate address detection use (RFC 2131, RFC 4862), and link-local ones.
func exempt(a netip.Addr) bool { return a.IsUnspecified() || a.IsLinkLocalUnicast() }

// direction returns the direction of the traffic.
func (n *Enricher) direction(p *event.Parties, s *Observation, onVif bool) event.Direction {
	switch {
	case !onVif && n.Local != nil && (n.Local(s.Source) || n.Local(s.Destination)):
		return event.External // even if the inventory has this machine
	case p.SourceQube != nil && p.DestinationQube != nil:
		return event.Internal
	case p.SourceQube != nil || onVif && p.Client == s.Source:
		return event.Outbound
	case p.DestinationQube != nil || onVif:
		return event.Inbound
	}
	return event.DirectionUnknown
}
