package event

import (
	"net/netip"
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Attribution is how the qube of an event was determined.
type Attribution uint8

// The attributions.
const (
	// Unknown means that the inventory does not have the client.
	Unknown Attribution = iota
	// Inventory means that the inventory has the client by its vif or its address,
	// and that the two agree.
	Inventory
	// Spoofed means that the client has used a source address that is not its own.
	// The qube is that of the vif, if the inventory knows the vif's domain.
	Spoofed
)

// String returns the attribution as events spell it, "attribution N" for an
// unknown value.
func (a Attribution) String() string {
	names := [...]string{"unknown", "inventory", "spoofed"}
	if int(a) < len(names) {
		return names[a]
	}
	return "attribution " + strconv.Itoa(int(a))
}

// Direction is the direction of a flow from the point of view of the qubes.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = iota
	Outbound                   // initiated by a qube, to the outside
	Inbound                    // initiated from outside, to a qube
	Internal                   // between two qubes
	External                   // of this machine itself
)

// String returns the direction as network.direction spells it, "" for
// DirectionUnknown and "direction N" for an unknown value.
func (d Direction) String() string {
	names := [...]string{"", "outbound", "inbound", "internal", "external"}
	if int(d) < len(names) {
		return names[d]
	}
	return "direction " + strconv.Itoa(int(d))
}

// Parties are the qubes that took part in what was observed, and how they were
// determined.
type Parties struct {
	// Interface is the name of the observation point, "" if it has none.
	Interface string

	// Qube is the client that the event is about, nil if it is not known. It is
	// shared and must not be changed.
	Qube *qube.Qube
	// Client is the client's address, invalid if neither side is a client.
	Client netip.Addr
	// Downstream are the names of the qubes that have Qube as netvm and whose
	// traffic leaves it under its address: any of them may have sent the traffic.
	// It is shared and must not be changed.
	Downstream []string
	// Attribution is how Qube was determined.
	Attribution Attribution

	// SourceQube and DestinationQube are the qubes of the two sides, nil for a side
	// that is not a known qube.
	SourceQube, DestinationQube *qube.Qube

	// Direction is the direction of the traffic.
	Direction Direction
}

// ObservationPoint names who has caused the event, for what is shared: the interface
// or, if it is not known, the client's address. It is "" if neither is.
func (p *Parties) ObservationPoint() string {
	if p.Interface != "" || !p.Client.IsValid() {
		return p.Interface
	}
	return p.Client.String()
}

// Uncertain reports whether there is a client whose qube is not known, so that
// the next push of the inventory may still name it.
func (p *Parties) Uncertain() bool { return p.Client.IsValid() && p.Qube == nil }
