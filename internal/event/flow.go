package event

import "github.com/qubesbeat/qubesbeat/internal/flow"

// Flow is a flow record with the qubes behind it.
type Flow struct {
	flow.Record
	Parties
}
