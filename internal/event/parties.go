package event

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Attribution says how sure the name of a qube is.
type Attribution uint8

// The attributions.
const (
	// Unknown: no inventory names the client.
	Unknown Attribution = iota
	// Inventory: the inventory names the client by its vif or its address, and
	// the two agree.
	Inventory
	// Spoofed: the client has sent with an address that is not its own. It is
	// named by its vif, where the inventory knows the vif's domain.
	Spoofed
)

// String returns the attribution as events spell it.
func (a Attribution) String() string {
	return [...]string{"unknown", "inventory", "spoofed"}[a]
}

// Direction is the way of a flow, seen from the qubes.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = iota
	Outbound                   // a qube opened it, to the world
	Inbound                    // the world opened it, to a qube
	Internal                   // between two qubes
	External                   // sys-log's own traffic
)

// String returns the direction as network.direction spells it, "" where it is
// not known.
func (d Direction) String() string {
	return [...]string{"", "outbound", "inbound", "internal", "external"}[d]
}

// Parties says who took part in what was observed, and how that is known.
type Parties struct {
	// Interface names the observation point; empty where the capture does not.
	Interface string

	// Qube is the client that the event is about, nil where it is not known.
	Qube *qube.Qube
	// Client is the client's address; invalid where neither side is a client.
	Client netip.Addr
	// Behind are the qubes whose traffic leaves Qube under its own address, where it
	// is a netvm: any of them may be meant. It is shared.
	Behind []string
	// Attribution is how Qube was found.
	Attribution Attribution

	// SourceQube and DestinationQube are the qubes of the two sides, nil where a
	// side is not one.
	SourceQube, DestinationQube *qube.Qube

	// Direction is the way of the traffic.
	Direction Direction
}

// Uncertain tells that a push from dom0 may still change what is known: there is
// a client, and nobody knows its name.
func (p *Parties) Uncertain() bool { return p.Client.IsValid() && p.Qube == nil }
