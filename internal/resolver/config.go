package resolver

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Config describes a resolver.
type Config struct {
	// Listen are the addresses to serve, UDP and TCP each.
	Listen []netip.AddrPort
	// Readers is how many sockets share each UDP address, 1 at least.
	Readers int

	Rules

	Cache Cache

	Limits Limits
	// Gate knows what qvm-firewall lets through; nil lets everything through.
	Gate Gate
	// Qubes returns the qubes of the moment.
	Qubes func() []*qube.Qube
	// Log takes the outcomes. nil logs nothing.
	Log    *Log
	Logger *slog.Logger
}

// Rules are what can be replaced while a resolver serves: see [Resolver.Reload].
type Rules struct {
	Policy *dnspolicy.Config
	Lists  *lists.Manager
	// Groups are the groups of upstreams, as Policy.Upstreams names them.
	Groups []*upstream.Group
	// Zones are names whose upstreams are others, whoever asks.
	Zones []Zone
	// Records are answered from, before anything is blocked. It may be nil.
	Records *Records
	// Rewrites replace the end of names, for Records and Zones only.
	Rewrites []Rewrite

	// Special answers names of special use (RFC 6761) by itself; Widespread also
	// those that RFC 6762 appendix G lists, such as .lan.
	Special, Widespread bool
	// Public are the names, in wire form and lower case, that may have private
	// addresses although a public upstream says so, they and all below.
	Public map[string]bool
	// MixCase asks upstreams with letters of random case.
	MixCase bool
}

// Zone is a part of the tree of names that has upstreams of its own.
type Zone struct {
	Name []byte // wire form, lower case; the root stands for names of one label
	// Group is asked.
	Group *upstream.Group
}

// Cache are the choices of the cache.
type Cache struct {
	Size           int // bytes, 0 for none
	MinTTL, MaxTTL uint32
	MaxNegative    uint32 // seconds, 0 keeps no negative answers
	Prefetch       bool
	Stale          time.Duration // for how long expired answers serve where upstreams fail, 0 for not at all
}

// Limits bound what clients can make the resolver do.
type Limits struct {
	InFlight     int           // queries that wait for upstreams, in all
	QubeInFlight int           // and of one qube
	Rate, Burst  int           // queries of one qube in a second, 0 for no limit
	TCP, QubeTCP int           // connections in all, and of one qube
	Budget       time.Duration // for one query at upstreams
}

// Gate knows which clients may use DNS.
type Gate interface {
	// Refuses reports whether a client's rules refuse DNS, over TCP or UDP, and why.
	// It is safe for concurrent use and does not allocate.
	Refuses(client netip.Addr, tcp bool) (why string, refused bool)
}
