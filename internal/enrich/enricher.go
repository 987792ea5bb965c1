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

// Enricher turns records into flow events. It may be used by several goroutines
// at once if its parts may.
type Enricher struct {
	// Qubes is the inventory; it must not be nil.
	Qubes QubeLookup
	// Name returns the name of an observation point, "" where it has none.
	Name func(iface uint32) string
	// HasVif reports whether the vif of a Xen domain is or was an observation
	// point of this capture. It may be nil.
	HasVif func(domid int32) bool
	// Local reports whether an address is one of this machine. It may be nil.
	Local func(addr netip.Addr) bool
}

// Flow fills e for the record r.
func (n *Enricher) Flow(r *flow.Record, e *event.Flow) {
	*e = event.Flow{Record: *r, Interface: n.Name(r.Iface)}
	at := time.Unix(0, r.End)
	src, dst := outside(r)
	e.SourceQube, e.DestinationQube = n.Qubes.ByAddr(src, at), n.Qubes.ByAddr(dst, at)
	domid, onVif := qube.VifDomain(e.Interface)
	if !onVif {
		n.byAddress(e, src, dst)
	} else {
		n.byVif(e, n.Qubes.ByDomain(domid, at), domid, src, dst)
	}
	e.Direction = n.direction(e, src, dst, onVif)
}

// outside returns the addresses on the wire: those of the tunnel, where there is
// one, for they are what a vif's qube may use.
func outside(r *flow.Record) (src, dst netip.Addr) {
	if r.Outer.Kind != packet.TunnelNone {
		return r.Outer.Src.Netip(r.Outer.Family), r.Outer.Dst.Netip(r.Outer.Family)
	}
	return r.Source.Addr.Netip(r.Family), r.Destination.Addr.Netip(r.Family)
}

// byAddress attributes a flow that was not seen on a vif. The initiator's qube
// goes first.
func (n *Enricher) byAddress(e *event.Flow, src, dst netip.Addr) {
	switch {
	case e.SourceQube != nil:
		e.Qube, e.Client, e.Attribution = e.SourceQube, src, event.Inventory
	case e.DestinationQube != nil:
		e.Qube, e.Client, e.Attribution = e.DestinationQube, dst, event.Inventory
	}
}

// byVif attributes a flow that was seen on a vif whose qube is q, nil where the
// inventory does not know the domain.
func (n *Enricher) byVif(e *event.Flow, q *qube.Qube, domid int32, src, dst netip.Addr) {
	fromQube := n.sourceIsClient(e, q, src)
	client, sent := dst, e.Record.Destination.Sent
	if fromQube {
		client, sent = src, e.Record.Source.Sent
	}
	e.Client = client
	if q == nil {
		n.byClientAddress(e, domid, fromQube)
		return
	}
	e.Qube, e.Attribution = q, event.Inventory
	// Without the outer header nobody can say whose address was used.
	if sent && !q.Owns(client) && !exempt(client) && !e.OuterLost {
		e.Attribution = event.Spoofed
	}
	setSide(e, fromQube, q)
}

// sourceIsClient tells which side of the flow is the vif's qube: the one whose
// packets came in on the vif. A capture that does not know directions leaves the
// addresses to say it.
func (n *Enricher) sourceIsClient(e *event.Flow, q *qube.Qube, src netip.Addr) bool {
	switch e.FromSource {
	case packet.Inbound:
		return true
	case packet.Outbound:
		return false
	}
	if q != nil {
		return q.Owns(src) || e.DestinationQube != q
	}
	return e.SourceQube != nil || e.DestinationQube == nil
}

// byClientAddress attributes a flow on a vif of an unknown domain by its
// client's address: the inventory has no domain ids, or the qube has just been
// restarted. Where the address belongs to a qube that has a vif of its own
// here, the client has borrowed it.
func (n *Enricher) byClientAddress(e *event.Flow, domid int32, fromQube bool) {
	q := e.DestinationQube
	if fromQube {
		q = e.SourceQube
	}
	if q == nil {
		return
	}
	if q.XID >= 0 && q.XID != domid && n.HasVif != nil && n.HasVif(q.XID) {
		e.Attribution = event.Spoofed
		setSide(e, fromQube, nil)
		return
	}
	e.Qube, e.Attribution = q, event.Inventory
}

// setSide corrects the qube of the client's side: the vif knows better than the
// address.
func setSide(e *event.Flow, source bool, q *qube.Qube) {
	if source {
		e.SourceQube = q
	} else {
		e.DestinationQube = q
	}
}

// exempt tells addresses that any qube may use without lying: none yet, DHCP
// and duplicate address detection (RFC 2131, RFC 4862), link-local ones, and
// groups, which are never a source.
func exempt(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// direction names the way of the flow.
func (n *Enricher) direction(e *event.Flow, src, dst netip.Addr, onVif bool) event.Direction {
	switch {
	case !onVif && n.Local != nil && (n.Local(src) || n.Local(dst)):
		return event.External // also where the inventory lists this machine
	case e.SourceQube != nil && e.DestinationQube != nil:
		return event.Internal
	case e.SourceQube != nil || onVif && e.Client == src:
		return event.Outbound
	case e.DestinationQube != nil || onVif:
		return event.Inbound
	}
	return event.DirectionUnknown
}
