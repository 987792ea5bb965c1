package detect

import (
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// Item is what has happened at one time. One of its parts is set.
type Item struct {
	At          int64 // packet time, nanoseconds since the Unix epoch
	Iface       uint32
	Notice      flow.Notice        // Kind is 0 if it is not set
	Record      *flow.Record       // of a flow that has ended, or of a part of one
	Hello       *clienthello.Hello // of Record, nil if it is not known
	Message     *Message           // of the DNS
	Certificate *Certificate       // of a server
	Search      *Search            // for a neighbour
	Verdict     *firewall.Verdict  // of the firewall, with InterfaceName
	Vif         string             // the interface that Verdict or Check is about
	Check       *Check             // of the verification
}

// Check is the verdict on a check of the verification.
type Check struct {
	ID    string // such as VPN-4
	Fails bool
}

// Kind returns the kind of the observation that the item becomes.
func (i *Item) Kind() behaviour.Kind {
	switch {
	case i.Message != nil:
		return behaviour.Asked
	case i.Record != nil:
		return behaviour.Traffic
	case i.Verdict != nil:
		return behaviour.Refused
	case i.Certificate != nil:
		return behaviour.Presented
	case i.Search != nil && i.Search.Found:
		return behaviour.Located
	case i.Search != nil:
		return behaviour.Sought
	}
	return behaviour.Kind(i.Notice.Kind) // they begin with the same
}
