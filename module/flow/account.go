package flow

import (
	"cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

var _ event.Countable = (*Document)(nil) // type check

// Sizes of parts of a flow event, in bytes. TestDocument_Account holds them to what is
// written.
const (
	flowSize    = 665 // without anything below
	macsSize    = 60
	tcpSize     = 105 // state, flags
	helloSize   = 60
	processSize = 300 // without its arguments
	tunnelSize  = 60
	placeSize   = 85 // of one end
)

// Account implements [event.Countable].
func (d *Document) Account(a *event.Account) {
	a.Parties, a.Dataset, a.Start, a.End = &d.Parties, "flow", d.Start, d.End
	a.Size = d.size()
	own, peer := &d.Source, &d.Destination
	if d.clientIsDestination() {
		own, peer = peer, own
	}
	a.Peer, a.Port = peer.Addr.Netip(d.Family), peer.Port
	a.Name = d.Domain
	if d.Final() {
		a.Count, a.Outcome = 1, d.Reason.String()
	}
	if d.Final() || d.Delta {
		a.Sent = event.Traffic{Packets: own.Packets, Bytes: own.Bytes}
		a.Received = event.Traffic{Packets: peer.Packets, Bytes: peer.Bytes}
	}
}

// clientIsDestination reports whether the client of the event did not begin the flow.
func (d *Document) clientIsDestination() bool {
	switch {
	case d.Qube != nil && d.SourceQube != d.DestinationQube:
		return d.Qube == d.DestinationQube
	case d.Client.IsValid():
		return d.Client == d.Destination.Addr.Netip(d.Family) && d.Client != d.Source.Addr.Netip(d.Family)
	}
	return false
}

// size returns about how many bytes the event takes.
func (d *Document) size() int {
	n := event.EnvelopeSize + flowSize + d.Parties.EventSize() + len(d.Domain)
	if d.Family == 6 {
		n += 2 * len("2001:db8:1:2:3:4:5:6")
	}
	if d.HasMAC {
		n += macsSize
	}
	for _, p := range [...]*event.Place{d.SourcePlace, d.DestinationPlace} {
		if p != nil {
			n += placeSize + len(p.ASName)
		}
	}
	if d.Proto == packet.ProtoTCP {
		n += tcpSize
	}
	if h := d.Hello; h != nil {
		n += helloSize + h.TextSize() + len(h.ALPN)*len(`"",`)
	}
	if d.Outer.Kind != packet.TunnelNone {
		n += tunnelSize
	}
	if p := cmp.Or(d.DestinationProcess, d.SourceProcess); p != nil {
		n += 2 * processSize
		for _, arg := range p.Args {
			n += 2 * len(arg)
		}
	}
	return n
}
