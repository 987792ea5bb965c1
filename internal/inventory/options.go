package inventory

import "time"

// The defaults of Options.
const (
	// DefaultMaxSize is room for some 30,000 lines of qvm-ls; an inventory of 100 qubes has 12 KiB.
	DefaultMaxSize = 4 << 20

	// DefaultMaxQubes is twice the number of qubes that dom0 can address (max_qid 10000 in qubes-core-admin,
	// qubes/config.py), because disposables are numbered separately.
	DefaultMaxQubes = 20000

	// DefaultMaxLine leaves room for columns like FEATURES that are ignored.
	DefaultMaxLine = 64 << 10

	// DefaultKeep is longer than any event is held back: flows report every 30 minutes at the latest.
	DefaultKeep = 2 * time.Hour

	// DefaultPoll is the time that a new disposable may stay unknown; a stat each second costs nothing.
	DefaultPoll = time.Second
)

// Options are the limits and habits of the package. The zero value means the defaults; so does every number that is
// not positive.
type Options struct {
	// Fields are the columns of an inventory in lines that has no #fields line of its own.
	Fields []string

	// MaxSize is the size in bytes that an inventory may have, DefaultMaxSize by default.
	MaxSize int64

	// MaxQubes is the number of qubes that it may hold, DefaultMaxQubes by default.
	MaxQubes int

	// MaxLine is the length in bytes of its longest line, DefaultMaxLine by default. It does not apply to JSON.
	MaxLine int

	// Keep is how long an Index remembers a mapping after its end, DefaultKeep by default.
	Keep time.Duration

	// Poll is how often a File looks, DefaultPoll by default.
	Poll time.Duration
}

// withDefaults returns a copy in which every number is set.
func (o Options) withDefaults() Options {
	o.MaxSize = orDefault(o.MaxSize, DefaultMaxSize)
	o.MaxQubes = orDefault(o.MaxQubes, DefaultMaxQubes)
	o.MaxLine = orDefault(o.MaxLine, DefaultMaxLine)
	o.Keep = orDefault(o.Keep, DefaultKeep)
	o.Poll = orDefault(o.Poll, DefaultPoll)

	return o
}

// orDefault returns value if it is positive.
func orDefault[N ~int | ~int64](value, fallback N) N {
	if value > 0 {
		return value
	}

	return fallback
}
