package finding

import "github.com/qubesbeat/qubesbeat/internal/event"

var _ event.Countable = (*Document)(nil) // type check

// findingSize is what an event takes without names, in bytes. TestDocument_Account holds it
// to what is written.
const findingSize = 1000

// Account implements [event.Countable]. A client has as many findings as it likes: one for
// each destination.
func (d *Document) Account(a *event.Account) {
	a.Parties, a.Dataset, a.Start, a.End, a.Alert = &d.Parties, "qubesbeat.finding", d.First, d.At, true
	a.Size = event.EnvelopeSize + findingSize + d.Parties.EventSize() + len(d.Reason) + len(d.Name) + len(d.FlowID)
	for _, list := range [...][]string{d.Evidence, d.Finding.Names} {
		for _, text := range list {
			a.Size += len(text) + len(`"",`)
		}
	}
	a.Count, a.Outcome, a.Name = max(d.Count, 1), d.Rule.String(), d.Name
	a.Peer, a.Port = d.Destination.Addr(), d.Destination.Port()
}
