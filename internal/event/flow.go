package event

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// Flow is a flow record and the qubes that took part in it.
type Flow struct {
	// Record has the endpoints of a tunnel, instead of those inside, if Inner is not nil.
	flow.Record
	Parties

	// Inner are the endpoints inside of the tunnel, if Record has those of the tunnel.
	Inner *Inner

	// Hello is the ClientHello of a TLS or QUIC connection, nil if it was not seen.
	Hello *clienthello.Hello

	// Domain is the name that the client has resolved to the destination's address,
	// "" if it is not known.
	Domain string
	// Unresolved reports that the client's DNS is observed and no answer to it has
	// contained the destination's address.
	Unresolved bool

	// SourceProcess and DestinationProcess are the processes of this machine at
	// the two ends, nil if there is none or processes are not looked up.
	SourceProcess, DestinationProcess *Process

	// SourcePlace and DestinationPlace say where the two ends are registered, if that is
	// looked up. They are nil for qubes and for addresses that are not public, and must not
	// be changed: flows share them.
	SourcePlace, DestinationPlace *Place
}

// Place says where an address is registered. The zero Place says nothing, and so does nil.
type Place struct {
	Country  string // two letters, "" if unknown
	ASNumber uint32 // of the autonomous system, 0 if unknown
	ASName   string // of its organization, "" if unknown: text from outside
	// JSON has the fields of the place as [JSON.Fields] takes them, "" if they are not prepared:
	// many flows share a place.
	JSON string
}

// OfClient reports whether a client of this machine has begun the flow, toward the
// world: a qube, or an unknown one on a vif.
func (f *Flow) OfClient() bool {
	return f.Direction == Outbound && (f.SourceQube != nil || f.Client.IsValid()) && (f.Family == 4 || f.Family == 6)
}
