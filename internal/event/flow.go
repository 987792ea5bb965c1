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

	// SourceProcess and DestinationProcess are the processes of this machine
	// behind the two sides, nil where there is none or nobody has looked.
	SourceProcess, DestinationProcess *Process
}
