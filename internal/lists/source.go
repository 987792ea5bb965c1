package lists

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Source is one place that rules come from.
type Source struct {
	// List is the name of the list that the rules belong to.
	List string
	// Allow tells that names are to be allowed, not blocked.
	Allow bool
	// Location is an http or https URL, a path, or, where it has a line end, the
	// rules themselves.
	Location string
}

// Deny and Allowed return the numbers that the rules of the source at position i
// have in a table: its rules, and the exceptions among them (@@).
func Deny(i int) blocklist.Source { return blocklist.Source(2 * i) }

// Allowed is described at [Deny].
func Allowed(i int) blocklist.Source { return blocklist.Source(2*i + 1) }

// MaxSources is how many sources there may be.
const MaxSources = blocklist.MaxSources / 2

func (s *Source) inline() bool { return strings.Contains(s.Location, "\n") }

func (s *Source) remote() bool {
	return strings.HasPrefix(s.Location, "http://") || strings.HasPrefix(s.Location, "https://")
}

// Name returns the location for people, "inline" for rules that stand in the
// configuration.
func (s *Source) Name() string {
	if s.inline() {
		return "inline"
	}
	return s.Location
}

// file is the name of the copy on disk.
func (s *Source) file() string {
	sum := sha256.Sum256([]byte(s.Location))
	return hex.EncodeToString(sum[:12]) + ".list"
}

// Config describes where lists come from and how.
type Config struct {
	Sources []Source
	// Dir is where the last good copies are kept; empty for nowhere.
	Dir string
	// Period is the time between refreshes, 0 for never.
	Period time.Duration
	// Timeout is for one attempt to fetch, of Attempts, with Cooldown between.
	Timeout  time.Duration
	Attempts int
	Cooldown time.Duration
	// MaxBytes bounds one list, after decompression.
	MaxBytes int64
	// Compat and MaxFaults are those of [blocklist.Options].
	Compat    bool
	MaxFaults int
	// Client fetches; nil for one that uses the system's resolver.
	Client *http.Client
}

// Status tells how a source is.
type Status struct {
	Source
	blocklist.Report
	Loaded bool      // it has rules in force
	Since  time.Time // of the copy in force
	Tried  time.Time // of the last refresh
	Err    string    // why the last refresh was not taken over, "" where it was
}
