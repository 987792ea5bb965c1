package detect

import (
	"net/netip"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// Names gives the flows of a replay the names of their destinations, from the messages of
// the DNS between them. The names are looked up in the meter's goroutine, so that they are
// the same on every run, and wait for their records, which a replay neither drops nor
// reorders.
type Names struct {
	mu    sync.Mutex
	view  *dnsview.Names // belongs to the meter's goroutine
	queue []named        // guarded by mu: of the records that the publisher has not taken yet
}

// named is what is known of the destination of a record.
type named struct {
	born, start, end int64
	iface            uint32
	name             string
	known            bool // the client's queries are seen
}

// NewNames returns an empty view. owner is as in [dnsview.NewNames].
func NewNames(owner func(netip.Addr, int64) netip.Addr) *Names {
	return &Names{view: dnsview.NewNames(owner)}
}

// message takes the addresses in a message.
func (n *Names) message(m *Message, at int64) {
	for _, a := range m.Addresses {
		n.view.Add(m.Client, a.Addr, m.Name, at, a.TTL)
	}
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
