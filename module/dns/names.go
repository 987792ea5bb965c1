package dns

import (
	"net/netip"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// Names gives flows the names of their destinations, from the answers that their
// clients got: of the resolver, or of another server if the analyzers saw them. A nil
// *Names knows nothing. It is safe for concurrent use.
type Names struct {
	names    *dnsview.Names
	local    func(netip.Addr) bool
	resolver atomic.Pointer[resolver.Resolver] // nil without one that logs its queries

	named, unresolved atomic.Uint64
}

// NewNames returns an empty table. local reports whether an address is one of this
// machine; owner is as in [dnsview.NewNames].
func NewNames(local func(netip.Addr) bool, owner func(netip.Addr, int64) netip.Addr) *Names {
	return &Names{names: dnsview.NewNames(owner), local: local}
}

// observe adds the addresses in an answer of the resolver.
func (n *Names) observe(e *dnsevent.Entry, name string) {
	if n == nil {
		return
	}
	n.names.ObserveQuery(e.From.Addr(), e.At)
	if e.Action == dnsevent.Blocked || len(e.Reply) < dnsmsg.HeaderSize {
		return
	}
	var r dnsmsg.Reader
	if r.Read(e.Reply) != nil {
		return
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr) && rr.Section == dnsmsg.Answer; {
		if a := rr.Address(e.Reply); a.IsValid() {
			n.names.Add(e.From.Addr(), a, name, e.At, rr.TTL)
		}
	}
}

// passiveTTL stands for that of a passive answer, in seconds: the events of
// packetbeat's analyzer have the TTLs as text, in each record.
const passiveTTL = 300

// ObserveAnswer takes the addresses of an answer that was seen on its way. It reports
// whether the resolver logs the same query itself.
func (n *Names) ObserveAnswer(a *dnsview.Answer) (duplicate bool) {
	if n == nil {
		return false
	}
	if r := n.resolver.Load(); r != nil {
		if r.Asked(a.Client, a.ID) || r.IsUpstream(a.Server) && n.local(a.Client.Addr()) {
			return true
		}
	}
	for _, addr := range a.Addresses {
		n.names.Add(a.Client.Addr(), addr, a.Name, a.At.UnixNano(), passiveTTL)
	}
	return false
}

// Fill names the destination of a flow that a client has begun, and marks the flow if
// no answer has named its destination.
func (n *Names) Fill(f *event.Flow) {
	if !f.OfClient() {
		return
	}
	client, dst := f.Source.Addr.Netip(f.Family), f.Destination.Addr.Netip(f.Family)
	name, known := n.names.Use(client, dst, f.Start, f.End)
	if f.Domain = name; name != "" {
		n.named.Add(1)
	} else if f.Unresolved = known && !f.Midstream() && global(dst) && !n.IsResolver(dst); f.Unresolved {
		n.unresolved.Add(1)
	}
}

// Resolved returns the name that a client had resolved to an address at a time, in
// nanoseconds since the Unix epoch, "" if none.
func (n *Names) Resolved(client, addr netip.Addr, at int64) string {
	if n == nil {
		return ""
	}
	name, _ := n.names.Find(client, addr, at)
	return name
}

// global reports whether programs find an address through the DNS and not otherwise.
func global(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }

// IsResolver reports whether the resolver is reached at an address: one of this
// machine, or one that Qubes redirects to it.
func (n *Names) IsResolver(a netip.Addr) bool {
	return qvmfirewall.IsMagic(a) || n.local(a)
}

// Metrics implements [metrics.Source].
func (n *Names) Metrics(m *metrics.Set) {
	s := n.names.Stats()
	m.Group("names")
	m.Add("clients", s.Clients)
	m.Add("addresses", s.Addresses)
	m.Add("evicted", s.Evicted)
	m.Add("flows_named", n.named.Load())
	m.Add("flows_unresolved", n.unresolved.Load())
}
