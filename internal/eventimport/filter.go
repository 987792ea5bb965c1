package eventimport

import (
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// Filter selects events. The zero value selects all.
type Filter struct {
	// From and To bound the @timestamp, To excluded. The zero time is no bound.
	From, To time.Time
	// Qubes are names of qubes that events must be about. Empty, all events are selected,
	// also those that are about none.
	Qubes []string
}

// matches reports whether an event is selected.
func (f *Filter) matches(e *eventfile.Event) bool {
	if !f.From.IsZero() && e.Time.Before(f.From) || !f.To.IsZero() && !e.Time.Before(f.To) {
		return false
	}
	return len(f.Qubes) == 0 || slices.Contains(f.Qubes, e.Qube)
}

// String returns the selection as a text that another selection does not have.
func (f *Filter) String() string {
	qubes := slices.Sorted(slices.Values(f.Qubes))
	return f.From.UTC().Format(time.RFC3339Nano) + "\x00" + f.To.UTC().Format(time.RFC3339Nano) + "\x00" + strings.Join(qubes, "\x00")
}
