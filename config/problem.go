package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Problem is a value in the configuration that cannot be used.
type Problem struct {
	// Key is the dotted key below the root, such as "flows.timeout". Items of a
	// list are numbered from 0: "interfaces.1.type".
	Key string
	// Err says what is wrong with the value.
	Err error
}

// Error returns the key and what is wrong with its value.
func (p *Problem) Error() string { return p.Key + ": " + p.Err.Error() }

// Unwrap returns what is wrong with the value.
func (p *Problem) Unwrap() error { return p.Err }

// Problems collects every problem of a section, so that all of them can be
// reported at once. The zero value is ready for use at the root. It is not safe
// for concurrent use.
type Problems struct {
	// Section is put in front of every key, with a dot. Empty at the root.
	Section string

	list []error
}

// Addf adds a problem of a key. The format supports %w, as [fmt.Errorf] does.
func (p *Problems) Addf(key, format string, args ...any) {
	p.list = append(p.list, &Problem{Key: join(p.Section, key), Err: fmt.Errorf(format, args...)})
}

// Add adds err as a problem of a key. A nil error adds nothing.
func (p *Problems) Add(key string, err error) {
	if err != nil {
		p.list = append(p.list, &Problem{Key: join(p.Section, key), Err: err})
	}
}

// Within adds a problem unless low <= n <= high.
func (p *Problems) Within(key string, n, low, high int) {
	if n < low || n > high {
		p.Addf(key, "%d is not within %d and %d", n, low, high)
	}
}

// OneOf adds a problem unless value is one of the words, of which there must be
// two at least.
func (p *Problems) OneOf(key, value string, words ...string) {
	if !slices.Contains(words, value) {
		last := len(words) - 1
		p.Addf(key, "%q is not known; use %s or %s", value, strings.Join(words[:last], ", "), words[last])
	}
}

// Err returns all problems joined, nil if there are none.
func (p *Problems) Err() error { return errors.Join(p.list...) }
