package detect

import (
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// Names gives the flows of a replay the names of their destinations, from the messages of
// the DNS between them. The names are looked up in the meter's goroutine, so that they are
// the same on every run, and wait for their records, which a replay neither drops nor
// reorders.
type Names struct {
	enricher *enrich.Enricher
	view     *dnsview.Names // belongs to the meter's goroutine
	parties  event.Parties  // scratch of that

	mu    sync.Mutex
	queue []named // guarded by mu: of the records that the publisher has not taken yet
}

// named is what is known of the destination of a record.
type named struct {
	born, start, end int64
	iface            uint32
	name             string
	known            bool // the client's queries are seen
}

// NewNames returns an empty view of the qubes that an enricher knows.
func NewNames(e *enrich.Enricher) *Names {
	return &Names{enricher: e, view: dnsview.NewNames(e.Owner)}
}

// message takes the addresses in a message, unless it is seen on the vif of another qube than the
// client: that can write what it likes.
func (n *Names) message(m *Message, iface uint32, at int64) {
	if len(m.Addresses) == 0 || !n.isClients(m, iface, at) {
		return
	}
	for _, a := range m.Addresses {
		n.view.Add(m.Client, a.Addr, m.Name, at, a.TTL)
	}
}

// isClients reports whether a message is seen where its client is.
func (n *Names) isClients(m *Message, iface uint32, at int64) bool {
	p := &n.parties
	n.enricher.Fill(p, &enrich.Observation{Iface: iface, FromSource: m.FromClient, Source: m.Client, Destination: m.Server, SourceSent: true, At: time.Unix(0, at)})
	_, onVif := qube.VifDomain(p.Interface)
	return !onVif || p.Client == m.Client && p.Attribution != event.Spoofed
}

// record looks up the destination of a record.
func (n *Names) record(r *flow.Record) {
	name, known := n.view.Use(r.Source.Addr.Netip(r.Family), r.Destination.Addr.Netip(r.Family), r.Start, r.End)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queue = append(n.queue, named{r.Born, r.Start, r.End, r.Iface, name, known})
}

// maxSkipped is how many records may have been lost by panics before one.
const maxSkipped = 64

// take returns what is known of the destination of a record, and forgets what came before.
func (n *Names) take(r *flow.Record) (one named, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.queue[:min(len(n.queue), maxSkipped)] {
		if q := &n.queue[i]; q.born == r.Born && q.start == r.Start && q.end == r.End && q.iface == r.Iface {
			one = *q
			n.queue = n.queue[i+1:]
			return one, true
		}
	}
	return named{}, false
}

// Fill names the destination of a flow that a client has begun, and marks the flow if no
// response has named its destination. It is called with the records in their order, from one
// goroutine.
func (n *Names) Fill(f *event.Flow) {
	one, ok := n.take(&f.Record)
	if !ok || !f.OfClient() {
		return
	}
	dst := f.Destination.Addr.Netip(f.Family)
	f.Domain = one.name
	f.Unresolved = one.known && one.name == "" && !f.Midstream() && dst.IsGlobalUnicast() && !dst.IsPrivate() && !qvmfirewall.IsMagic(dst)
}
