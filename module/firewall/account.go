package firewall

import (
	"cmp"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

var _ event.Countable = (*Document)(nil) // type check

// verdictSize is what an event takes without names, in bytes. TestDocument_Account holds
// it to what is written.
const verdictSize = 780

// Account implements [event.Countable].
func (d *Document) Account(a *event.Account) {
	a.Parties, a.Dataset, a.Start, a.End = &d.Parties, "qubesbeat.firewall", d.First, d.Last
	a.Size = event.EnvelopeSize + verdictSize + d.Parties.EventSize() + len(d.Rule)
	a.Count, a.Outcome = max(d.Count, 1), cmp.Or(strings.TrimSpace(d.Rule), d.Point.String())
	a.Sent = event.Traffic{Packets: d.Count, Bytes: d.Bytes}
	_, dst := d.Endpoints()
	a.Peer, a.Port = dst.Addr(), dst.Port()
}
