package event

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// Flow is a flow record with the qubes behind it.
type Flow struct {
	flow.Record
	Parties

	// Hello is what the client of a TLS or QUIC connection has said first, nil
	// where it was not seen.
	Hello *clienthello.Hello

	// Domain is the name for which the client was told the destination's address,
	// "" where nobody knows.
	Domain string
	// Unresolved tells that the client talks to an address that no answer to it has
	// named, although its DNS is known.
	Unresolved bool

	// SourceProcess and DestinationProcess are the processes of this machine
	// behind the two sides, nil where there is none or nobody has looked.
	SourceProcess, DestinationProcess *Process
}

// OfClient reports whether a client of this machine has begun the flow, toward the
// world: a qube, or an unknown one on a vif.
func (f *Flow) OfClient() bool {
	return f.Direction == Outbound && (f.SourceQube != nil || f.Client.IsValid()) && (f.Family == 4 || f.Family == 6)
}
