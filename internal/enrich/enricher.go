package enrich

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// QubeLookup answers which qube had a Xen domain id or an address at a time.
// Both return nil where none did.
type QubeLookup interface {
	ByDomain(domid int32, at time.Time) *qube.Qube
	ByAddr(addr netip.Addr, at time.Time) *qube.Qube
}

// Enricher finds the qubes behind what the capture sees. It may be used by several goroutines
// at once if its parts may.
type Enricher struct {
	// Qubes is the inventory; it must not be nil.
	Qubes QubeLookup
	// Name returns the name of an observation point, "" where it has none.
	Name func(iface uint32) string
	// HasVif reports whether the vif of a Xen domain is or was an observation
	// point of this capture. It may be nil.
	HasVif func(domid int32) bool
	// Behind returns the names of the qubes that have the named one as netvm. It may
	// be nil.
	Behind func(name string) []string
	// Local reports whether an address is one of this machine. It may be nil.
	Local func(addr netip.Addr) bool
}

// Sight is what an observation point has seen of two sides.
type Sight struct {
	Iface                uint32
	FromSource           packet.Direction // of the source's packets, unknown where the capture does not tell
	Source, Destination  netip.Addr       // as on the wire: of the tunnel, where there is one
	SourceSent, DestSent bool
	At                   time.Time
	AddressesLost        bool // the outer addresses are not known
}

// Flow fills e for the record r.
func (n *Enricher) Flow(r *flow.Record, e *event.Flow) {
	src, dst := outside(r)
	*e = event.Flow{Record: *r, Parties: n.Parties(Sight{Iface: r.Iface, FromSource: r.FromSource,
		Source: src, Destination: dst, SourceSent: r.Source.Sent, DestSent: r.Destination.Sent,
		At: time.Unix(0, r.End), AddressesLost: r.OuterLost})}
}

// outside returns the addresses on the wire: those of the tunnel, where there is
// one, for they are what a vif's qube may use.
func outside(r *flow.Record) (src, dst netip.Addr) {
	if r.Outer.Kind != packet.TunnelNone {
		return r.Outer.Src.Netip(r.Outer.Family), r.Outer.Dst.Netip(r.Outer.Family)
	}
	return r.Source.Addr.Netip(r.Family), r.Destination.Addr.Netip(r.Family)
}

// Parties finds the qubes behind what was seen.
func (n *Enricher) Parties(s Sight) event.Parties { return n.PartiesOn(n.Name(s.Iface), s) }

// PartiesOn is Parties for an interface of which the name is known; s.Iface is not
// read.
func (n *Enricher) PartiesOn(iface string, s Sight) event.Parties {
	p := event.Parties{Interface: iface}
	p.SourceQube, p.DestinationQube = n.Qubes.ByAddr(s.Source, s.At), n.Qubes.ByAddr(s.Destination, s.At)
	domid, onVif := qube.VifDomain(p.Interface)
	if !onVif {
		byAddress(&p, &s)
	} else {
		n.byVif(&p, &s, n.Qubes.ByDomain(domid, s.At), domid)
	}
	p.Direction = n.direction(&p, &s, onVif)
	if n.Behind != nil && p.Qube != nil && p.Qube.ProvidesNetwork {
		p.Behind = n.Behind(p.Qube.Name)
	}
	return p
}

// Genuine reports whether a client may have sent from an address over an
// interface: false where the interface is the vif of a qube that does not own
// it. The firewall of Qubes refuses such packets after the capture has seen them.
func (n *Enricher) Genuine(iface uint32, source netip.Addr, at time.Time) bool {
	domid, onVif := qube.VifDomain(n.Name(iface))
	if !onVif || exempt(source) {
		return true
	}
	q := n.Qubes.ByDomain(domid, at)
	return q == nil || q.Owns(source)
}

// byAddress attributes what was not seen on a vif. The initiator's qube goes
// first.
func byAddress(p *event.Parties, s *Sight) {
	switch {
	case p.SourceQube != nil:
		p.Qube, p.Client, p.Attribution = p.SourceQube, s.Source, event.Inventory
	case p.DestinationQube != nil:
		p.Qube, p.Client, p.Attribution = p.DestinationQube, s.Destination, event.Inventory
	}
}

// byVif attributes what was seen on a vif whose qube is q, nil where the
// inventory does not know the domain.
func (n *Enricher) byVif(p *event.Parties, s *Sight, q *qube.Qube, domid int32) {
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
	// Without the outer header nobody can say whose address was used.
	if sent && !q.Owns(client) && !exempt(client) && !s.AddressesLost {
		p.Attribution = event.Spoofed
	}
	setSide(p, fromQube, q)
}

// sourceIsClient tells which side is the vif's qube: the one whose packets came
// in on the vif. A capture that does not know directions leaves the addresses to
// say it.
func sourceIsClient(p *event.Parties, s *Sight, q *qube.Qube) bool {
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

// byClientAddress attributes what was seen on a vif of an unknown domain by its
// client's address: the inventory has no domain ids, or the qube has just been
// restarted. Where the address belongs to a qube that has a vif of its own
// here, the client has borrowed it.
func (n *Enricher) byClientAddress(p *event.Parties, domid int32, fromQube bool) {
	q := p.DestinationQube
	if fromQube {
		q = p.SourceQube
	}
	if q == nil {
		return
	}
	if q.XID >= 0 && q.XID != domid && n.HasVif != nil && n.HasVif(q.XID) {
		p.Attribution = event.Spoofed
		setSide(p, fromQube, nil)
		return
	}
	p.Qube, p.Attribution = q, event.Inventory
}

// setSide corrects the qube of the client's side: the vif knows better than the
// address.
func setSide(p *event.Parties, source bool, q *qube.Qube) {
	if source {
		p.SourceQube = q
	} else {
		p.DestinationQube = q
	}
}

// exempt tells addresses that any qube may use without lying: none yet, DHCP
// and duplicate address detection (RFC 2131, RFC 4862), link-local ones, and
// groups, which are never a source.
func exempt(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// direction names the way of the traffic.
func (n *Enricher) direction(p *event.Parties, s *Sight, onVif bool) event.Direction {
	switch {
	case !onVif && n.Local != nil && (n.Local(s.Source) || n.Local(s.Destination)):
		return event.External // also where the inventory lists this machine
	case p.SourceQube != nil && p.DestinationQube != nil:
		return event.Internal
	case p.SourceQube != nil || onVif && p.Client == s.Source:
		return event.Outbound
	case p.DestinationQube != nil || onVif:
		return event.Inbound
	}
	return event.DirectionUnknown
}
