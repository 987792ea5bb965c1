package inventory

import "time"

// The defaults of [Config].
const (
	// DefaultMaxSize has room for some 30,000 lines of qvm-ls; an inventory of 100 qubes has 12 KiB.
	DefaultMaxSize = 4 << 20

	// DefaultMaxQubes is twice the number of qubes that dom0 can address (max_qid 10000 in qubes-core-admin,
	// qubes/config.py), because disposables are numbered separately.
	DefaultMaxQubes = 20000

	// DefaultMaxLine leaves room for columns such as FEATURES, which are ignored.
	DefaultMaxLine = 64 << 10

	// DefaultRetention is longer than any event is held back: flows are reported every 30 minutes at the latest.
	DefaultRetention = 2 * time.Hour
)

// A Config says how inventories are parsed, within which limits, and how long an [Index] remembers them. The zero value
// is ready for use. A number that is not positive stands for its default.
type Config struct {
	// Fields are the columns of an inventory in lines that has no #fields line of its own.
	Fields []string

	// MaxSize is the maximum size of an inventory in bytes, DefaultMaxSize by default.
	MaxSize int64

	// MaxQubes is the maximum number of qubes, DefaultMaxQubes by default.
	MaxQubes int

	// MaxLine is the maximum length of a line in bytes, DefaultMaxLine by default. It does not apply to JSON.
	MaxLine int

	// Retention is how long an Index remembers a mapping after its end, DefaultRetention by default.
	Retention time.Duration
}

// withDefaults returns a copy in which every number is set.
func (c Config) withDefaults() Config {
	c.MaxSize = orDefault(c.MaxSize, DefaultMaxSize)
	c.MaxQubes = orDefault(c.MaxQubes, DefaultMaxQubes)
	c.MaxLine = orDefault(c.MaxLine, DefaultMaxLine)
	c.Retention = orDefault(c.Retention, DefaultRetention)
	return c
}

// orDefault returns value if it is positive, and fallback otherwise.
func orDefault[N ~int | ~int64](value, fallback N) N {
	if value > 0 {
		return value
	}
	return fallback
}
