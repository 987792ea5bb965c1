package resolver

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Config describes a resolver.
type Config struct {
	// Listen are the addresses to serve, each over UDP and TCP. Without any,
	// queries come through [Resolver.NewSession] only.
	Listen []netip.AddrPort
	// Readers is the number of sockets that share each UDP address; values below 1
	// mean 1.
	Readers int

	Rules

	Cache  Cache
	Limits Limits

	// ACL knows which clients may use DNS; nil lets all of them.
	ACL ACL
	// Qubes returns the qubes in the inventory. It is called by New and by
	// [Resolver.Update]; nil means that none is known. The result is not changed.
	Qubes func() []*qube.Qube
	// Log takes the outcome of every query; nil for none. The caller closes it
	// after Serve has returned.
	Log *dnsevent.Queue
	// Logger may be nil, which discards all messages.
	Logger *slog.Logger
	// Clock returns the time of day, by which answers expire, rates are limited and
	// pauses and schedules hold; nil means time.Now. It must be safe for concurrent
	// use. Timeouts of upstreams and connections do not depend on it.
	Clock func() time.Time
	// Released, if not nil, is called after a table of list rules was replaced: some
	// ten megabytes are garbage then.
	Released func()
	// Guard recovers from panics at one query or answer. It may be nil.
	Guard *guard.Keeper
}

// Rules are what [Resolver.Reload] can replace while a resolver serves. They must
// not be changed once they are in use.
type Rules struct {
	// Policy must not be nil, and must have at least one upstream.
	Policy *dnspolicy.Config
	// Lists loads and refreshes the lists that Policy refers to; nil for no lists.
	Lists *lists.Manager
	// Groups are the groups of upstreams, in the order of Policy.Upstreams.
	Groups []*upstream.Group
	// Zones have upstreams of their own for all clients. If several contain a name,
	// the longest counts.
	Zones []Zone
	// Records are answered before lists are looked at; nil for none.
	Records *localdata.Records
	// Rewrites change names for the lookup in Records and Zones only.
	Rewrites localdata.Rewrites

	// Special answers names of special use (RFC 6761) locally; PrivateTLDs includes
	// those of RFC 6762 appendix G, such as .lan.
	Special, PrivateTLDs bool
	// Public are names, in wire form and lower case, that may have private addresses
	// in spite of rebinding protection, as may all names below them. nil for none.
	Public map[string]bool
	// MixCase sends names upstream with letters of random case.
	MixCase bool
}

// Zone is a part of the name space that has upstreams of its own.
type Zone struct {
	// Name is in wire form and lower case; the root stands for all names of one
	// label.
	Name []byte
	// Group must not be nil.
	Group *upstream.Group
}

// Cache holds the settings of the cache. The zero value means no cache, and no
// bounds for the TTLs of answers.
type Cache struct {
	Size int // bytes, 0 for no cache; at least one megabyte is taken
	// MinTTL and MaxTTL bound the TTLs of answers, in seconds; a MaxTTL of 0 means
	// no bound.
	MinTTL, MaxTTL uint32
	// MaxNegative bounds the TTLs of negative answers, in seconds; with 0 they are
	// not cached.
	MaxNegative uint32
	// Prefetch renews answers that are in use shortly before they expire.
	Prefetch bool
	// Stale is how long after its expiry an answer may be used if the upstreams fail
	// (RFC 8767), in whole seconds; 0 for never.
	Stale time.Duration
}

// Limits bound what clients can make the resolver do. A client is an address.
type Limits struct {
	// InFlight and QubeInFlight bound the queries that wait for upstreams, in all and
	// of one client. With 0, only what needs no upstream is answered.
	InFlight, QubeInFlight int
	// Rate is the number of queries per second that one client may send, 0 for no
	// limit. Burst, at least 1, is how many of them may come at once.
	Rate, Burst int
	// TCP and QubeTCP bound the connections, in all and of one client. With 0, none
	// is accepted.
	TCP, QubeTCP int
	// Budget is how long upstreams may take for one query, all attempts together. It
	// must be positive.
	Budget time.Duration
}

// ACL knows which clients may use DNS.
type ACL interface {
	// Refuses reports whether a client is refused DNS over TCP or UDP, and why. It
	// must be safe for concurrent use and must not allocate.
	Refuses(client netip.Addr, tcp bool) (why string, refused bool)
}
