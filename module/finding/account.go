package finding

import "github.com/qubesbeat/qubesbeat/internal/event"

var _ event.Countable = (*Document)(nil) // type check

// findingSize is what an event takes without names, in bytes. TestDocument_Account holds it
// to what is written.
const findingSize = 360

// Account implements [event.Countable]. A client has as many findings as it likes: one for
// each destination.
func (d *Document) Account(a *event.Account) {
	a.Parties, a.Dataset, a.Start, a.End, a.Alert = &d.Parties, "qubesbeat.finding", d.At, d.At, true
	a.Size = event.EnvelopeSize + findingSize + d.Parties.EventSize() + len(d.Reason) + len(d.ServerName) + len(d.FlowID)
	a.Count, a.Outcome, a.Name = max(d.Count, 1), d.Method, d.ServerName
	a.Peer, a.Port = d.Destination.Addr(), d.Destination.Port()
}
