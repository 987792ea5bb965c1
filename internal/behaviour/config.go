package behaviour

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// Config holds the settings of an [Engine]. Report is required; start from [Defaults].
type Config struct {
	// Report takes each finding. It is called from within Observe and must not call the
	// engine.
	Report func(*Finding)
	// Allowed reports whether a finding is expected and therefore silent. It may be nil.
	Allowed func(*Finding) bool
	// Key is a secret of the installation: what is remembered is hashed with it.
	Key [2]uint64
	// Off turns rules off.
	Off [Rules]bool
	// Level is the lowest level that is reported.
	Level Level
	// Learn says when a baseline is good enough to judge by.
	Learn baseline.Learning
	// Settle is for how long what is part of a finding is not learned, Repeat after how long
	// the same finding is reported again, and Forget after how long a destination that is not
	// used is forgotten; in nanoseconds.
	Settle, Repeat, Forget int64
	// Samples is how many names of a DNS finding are reported.
	Samples int
	// Offset returns what is added to a packet time for the hours of the week, in nanoseconds. It
	// may be nil.
	Offset func(at int64) int64
	// Disposable reports whether a subject is used once, so that its hours mean nothing. It
	// may be nil.
	Disposable func(subject string) bool
	// Country returns the country in which an address is registered, "" if it is not known.
	// It may be nil.
	Country func(netip.Addr) string
}

// Defaults returns the settings that apply if nothing is set, without Report and Key.
func Defaults() Config {
	return Config{Level: Low, Learn: baseline.Learning{Span: 7 * day, Days: 3, Uses: 200}, Settle: 7 * day, Repeat: day, Forget: 90 * day, Samples: 3}
}

// The bounds of an engine. With the subjects and their tables at their bounds it takes less
// than 12 MiB, which TestEngine_memory measures.
const (
	maxSubjects = 128
	maxSlots    = 131_072 // of all baselines, in entries
	maxSeries   = 5_120
	maxWindows  = 1_536
	maxOpen     = 1_024
	maxLasting  = 2_048
	maxNameless = 2_048
)

// Stats counts what an engine has seen and lost.
type Stats struct {
	Observations, Findings, Repeated, Allowed      uint64
	Subjects, Series, Windows, Entries             uint64 // now
	SubjectsEvicted, SeriesEvicted, WindowsEvicted uint64
	EntriesEvicted, Suppressed, Limited            uint64
	WindowsBegun                                   uint64 // of DNS: a subject, a domain, an hour
}
