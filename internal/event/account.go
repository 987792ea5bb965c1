package event

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Countable is a document that can be left out if a summary counts it instead, because
// its client has used its share of the output.
type Countable interface {
	Document
	// Account writes into a, which is zero, what a summary would count. It is called
	// before [Document.Write] and must cost little: it is on the way of every event.
	Account(a *Account)
}

// Account is what a summary counts of an event, and what the event costs the output.
type Account struct {
	// Parties has the client. It must not be nil.
	Parties *Parties
	// Dataset is event.dataset.
	Dataset string
	// Alert says that a person should see the event. Alerts have a share of their own,
	// which nothing else can use up.
	Alert bool
	// Size is about how many bytes the event takes in the output.
	Size int
	// Start and End are in nanoseconds since the Unix epoch.
	Start, End int64
	// Count is what the event stands for: 1 for a final flow event, otherwise a number
	// of queries, refused packets or transactions. 0 stands for an interim event,
	// whose counters a later one will contain.
	Count uint64
	// Sent and Received are the traffic of the client, zero if a later event will
	// contain it.
	Sent, Received Traffic
	// Peer and Port are those of the other side; invalid and 0 if there are none.
	Peer netip.Addr
	Port uint16
	// Name is the name that was asked for, "" if there is none.
	Name string
	// Outcome is how it ended, in a word: the reason of the end of a flow, the answer to
	// a query, the rule that refused a packet.
	Outcome string
}

// Traffic is a number of packets and their bytes.
type Traffic struct{ Packets, Bytes uint64 }

// Add adds what is in u.
func (t *Traffic) Add(u Traffic) {
	t.Packets += u.Packets
	t.Bytes += u.Bytes
}

// EnvelopeSize is about what the time, @metadata and the fields that libbeat adds (agent,
// ecs, host) take in every event, in bytes.
const EnvelopeSize = 400

// partiesSize is what the fields of [Parties] take in an event, without the names.
const partiesSize = 230

// EventSize returns about how many bytes the parties take in an event.
func (p *Parties) EventSize() int {
	n := 2 * len(p.Interface)
	for _, q := range [...]*qube.Qube{p.Qube, p.SourceQube, p.DestinationQube} {
		if q != nil {
			n += len(q.Name) + len(q.Label)
		}
	}
	if q := p.Qube; q != nil {
		n += partiesSize + len(q.Class) + len(q.Template) + len(q.NetVM)
	}
	for _, name := range p.Downstream {
		n += len(name) + len(`"",`)
	}
	return n
}
