package behaviour

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
	"github.com/qubesbeat/qubesbeat/internal/servercert"
)

// Kind is a kind of [Observation].
type Kind uint8

// The kinds.
const (
	Opened    Kind = iota + 1 // a flow has begun
	Answered                  // the destination of a flow has sent something for the first time
	Beat                      // in a flow that lives, the source sends again after half a second or more
	Traffic                   // what a flow has carried so far
	Asked                     // a query, or the response to it
	Refused                   // the firewall has refused a connection
	Presented                 // a server of TLS has sent a certificate that no authority has issued
	Sought                    // the client asks who has the address of a neighbour (ARP)
	Located                   // the neighbour has answered that
)

// Place is where the destination of an observation is, as seen by a qube.
type Place uint8

// The places.
const (
	World   Place = iota // beyond the netvm
	Nowhere              // multicast, broadcast, the qube's own gateway or resolver: not judged
	LAN                  // a private address that is no qube's
	Qube                 // another qube
	NetVM                // an address of a netvm
)

// String returns the place as `finding.way` has it, "" for World and Nowhere.
func (p Place) String() string { return [...]string{"", "", "to-lan", "to-qube", "to-netvm"}[p%5] }

// Observation is something that a client did. Fields that do not belong to its kind are
// zero.
type Observation struct {
	At    int64 // packet time, nanoseconds since the Unix epoch
	Kind  Kind
	Place Place
	Proto uint8 // IANA protocol number
	Port  uint16
	// SourcePort is the port of the client, 0 if there is none.
	SourcePort uint16
	Subject    string // whose baseline applies, such as the name of the qube
	Addr       netip.Addr
	// Name is that of the destination, which the client has resolved, or else the server
	// name that it asks for; Domain is its registered domain. Both are "" if unknown.
	Name, Domain string
	// Flow is the same for all observations of a flow, and Connection for all flows between
	// the same ports: what is quiet for longer than the idle timeout becomes several flows.
	Flow, Connection uint64
	// Ended says that the connection is closed, and not only its flow.
	Ended bool

	// Midstream says that the beginning of the flow was not seen; Rejected, that the answer
	// refuses the connection.
	Midstream, Rejected bool
	// Foreign says that the two exchange something else than what the port is for.
	Foreign bool
	// Stealth says that the flow begins with a segment of TCP that no connection has.
	Stealth bool
	// Unresolved says that the DNS of the client is seen, and that no response had the
	// address. Nameable says that it would have, if the client had asked.
	Unresolved bool
	// Final says that the counters will not be repeated.
	Final bool

	Up, Down               uint64 // bytes from and to the source since the last final observation
	UpPackets, DownPackets uint64
	Duration               int64                   // since the flow began, nanoseconds
	TLS                    *TLS                    // what the client says first; nil if it is not known
	Certificate            *servercert.Certificate // for Presented
	Query                  *names.Query
	Bypass                 string // how the resolver is bypassed, "" if it is not
	Point                  string // where the firewall refused, for Refused
	Failing                string // checks of the verification that fail for the client, "" if none does

	// Context is returned with a finding. The engine does not look at it.
	Context any
}

// TLS is what a client of TLS or QUIC says first.
type TLS struct {
	ServerName string // "" if there is none
	Domain     string // registered domain of ServerName, "" if there is none
	Given      bool   // Domain is one that a provider gives out
	JA4        string
	ECH        bool
}
