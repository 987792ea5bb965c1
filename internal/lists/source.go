package lists

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Source is one source of rules.
type Source struct {
	// List is the name of the list that the rules belong to.
	List string
	// Allow reports whether the names are to be allowed instead of blocked.
	Allow bool
	// Location is an http or https URL, a path, or, if it contains a newline, the
	// rules themselves.
	Location string
}

// Deny returns the number in a table of the blocking rules of the source at
// position i.
func Deny(i int) blocklist.Source { return blocklist.Source(2 * i) }

// Allowed returns the number in a table of the exceptions (@@) of the source at
// position i, or of all its rules if [Source.Allow] is set.
func Allowed(i int) blocklist.Source { return blocklist.Source(2*i + 1) }

// MaxSources is the largest number of sources.
const MaxSources = blocklist.MaxSources / 2

// inline reports whether Location is the rules themselves.
func (s *Source) inline() bool { return strings.Contains(s.Location, "\n") }

// remote reports whether Location is a URL to fetch.
func (s *Source) remote() bool {
	return strings.HasPrefix(s.Location, "http://") || strings.HasPrefix(s.Location, "https://")
}

// Name returns the location for display, "inline" for rules in the configuration.
func (s *Source) Name() string {
	if s.inline() {
		return "inline"
	}
	return s.Location
}

// file returns the name of the copy in Config.Dir.
func (s *Source) file() string {
	sum := sha256.Sum256([]byte(s.Location))
	return hex.EncodeToString(sum[:12]) + ".list"
}

// Config is the configuration of a [Manager].
type Config struct {
	Sources []Source
	// Dir is the directory of the last good copies; if empty, they are kept in
	// memory.
	Dir string
	// Period is the time between refreshes; 0 means one refresh only.
	Period time.Duration
	// Timeout is for one attempt to fetch a list; required. There are Attempts
	// attempts, at least one, with a pause of Cooldown between them.
	Timeout  time.Duration
	Attempts int
	Cooldown time.Duration
	// MaxBytes bounds the text of one list, after decompression; required.
	MaxBytes int64
	// Compat and MaxFaults are those of [blocklist.Options].
	Compat    bool
	MaxFaults int
	// Guard recovers from panics at one list, which then counts as one that cannot be
	// read. It may be nil.
	Guard *guard.Part
	// Lookup finds the addresses of a server, in the order in which to try them; the slice is the
	// caller's. nil means the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address, which is not a name; nil means the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy returns the proxy for a request, nil for none, as that of http.Transport
	// does. It may be nil. A proxy may have any address.
	Proxy func(*http.Request) (*url.URL, error)
	// Private reports whether a host may have a private address if the user's own URL
	// names it; nil means that none may. A URL with the address itself always may.
	Private func(host string) bool
}

// FirstFault describes the first invalid line of a source of the user's own, rules in the
// configuration or a file; "" if there is none, or if the source is fetched from somebody
// else.
func (s *Status) FirstFault() string {
	if s.remote() || len(s.Faults) == 0 {
		return ""
	}
	return first(s.Report.Faults)
}

// Status is the state of a source. Its Report is that of the current copy.
type Status struct {
	Source
	blocklist.Report
	Loaded bool      // the source has a current copy, whose rules are in use
	Since  time.Time // time of the current copy
	Tried  time.Time // time of the last refresh
	Err    string    // why the last refresh failed, or what is wrong with the current copy; "" for nothing
}
