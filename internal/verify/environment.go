package verify

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// World finds qubes. Its methods are called for a few packets of each vif and second.
type World interface {
	// Name returns the name of an observation point, "" if it has none.
	Name(iface uint32) string
	// ByDomain returns the qube that had a Xen domain id at a time, nil if none had.
	ByDomain(domid int32, at time.Time) *qube.Qube
	// ByAddr returns the qube that had an address at a time, nil if none had.
	ByAddr(addr netip.Addr, at time.Time) *qube.Qube
	// ByName returns the qube of a name, nil if there is none.
	ByName(name string) *qube.Qube
	// Local reports whether an address is one of this machine.
	Local(addr netip.Addr) bool
	// KnowsItself reports whether all addresses of this machine are known.
	KnowsItself() bool
	// HasVif reports whether the vif of a Xen domain is captured.
	HasVif(domid int32) bool
	// Several reports whether the capture has more than one interface, as far as is known before
	// packets of them have come. It is asked for with each new interface.
	Several() bool
	// Epoch returns a number that is another one after a change of what the others return for
	// this time. It is asked for once a second.
	Epoch(at time.Time) uint64
}

// Environment is all that packets do not show. It is immutable once it is given to a
// [Verifier].
type Environment struct {
	// Expect returns what is expected of a qube, nil for nothing. It may be nil.
	Expect func(q *qube.Qube) *Expectation
	// Rules returns the rules of qvm-firewall of an address, nil if it has none. It is
	// nil if they have not been read.
	Rules func(addr netip.Addr) *Rules
	// Allow are the pairs of qubes of which the first may begin to talk to the second.
	Allow [][2]string
	// Ports are those of this machine that clients may reach, beside 53.
	Ports []uint16
	// Upstreams are the servers that this machine's resolver asks; nil if not known.
	Upstreams []netip.AddrPort
	// DoH reports whether an address is that of a server known for DNS over HTTPS. It may be nil.
	DoH func(addr netip.Addr) bool
	// Ruleset is what nft says; nil if it has not been read.
	Ruleset *Ruleset
	// Above are the names of the qubes through which this machine reaches the outside.
	Above []string
	// Domains says that the inventory has Xen's domain ids, so that it should know each vif.
	Domains bool
	// NoIP6 says that the inventory does not say which qubes have an IPv6 address.
	NoIP6 bool
	// Stale says that the inventory is too old to be believed.
	Stale bool
	// Missing are the qubes with an expectation that are not attached here.
	Missing []Absent
}

// Absent is a qube that has an expectation and is not attached to this machine.
type Absent struct {
	Name   string
	Expect *Expectation
	// Above says that the qube is one of those above this machine.
	Above bool
}

// Ruleset is what the verifier wants to know of the rules of nft.
type Ruleset struct {
	// Generation changes with each change of the ruleset.
	Generation uint64
	// DropsBetween reports whether traffic between vifs is dropped, for IPv4 and IPv6.
	DropsBetween4, DropsBetween6 bool
	// Accepts are rules that accept traffic between vifs before that, as nft prints them.
	Accepts []string
	// Firewall reports whether the rules of qvm-firewall are loaded: table and policy.
	Firewall bool
	// Chains are the clients that have a chain of qvm-firewall.
	Chains []netip.Addr
	// MapsDNS reports whether queries to the magic addresses are redirected.
	MapsDNS bool
}
