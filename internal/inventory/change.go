package inventory

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A Kind says what happened to a qube between two inventories.
type Kind int

// The kinds of changes. A qube that was removed and made anew under its old name has both vanished and appeared.
const (
	Vanished Kind = iota + 1
	Changed
	Appeared
)

// String returns the kind as it is written in events, "unknown" for a number that is none.
func (k Kind) String() string {
	switch k {
	case Vanished:
		return "vanished"
	case Changed:
		return "changed"
	case Appeared:
		return "appeared"
	}

	return "unknown"
}

// A Change is what happened to one qube between two inventories.
type Change struct {
	// At is the time of the update that brought it.
	At time.Time

	// Kind says what happened.
	Kind Kind

	// Before is nil if the qube appeared, After is nil if it vanished. They must not be changed.
	Before, After *qube.Qube

	// Fields names what is different if Kind is Changed: name, class, state, label, netvm, template, ip, ip6,
	// provides_network, xid, stubdom_xid, uuid, tags, in this order. A qube was renamed if its name changed and its UUID did
	// not; without UUIDs it vanishes and another one appears.
	Fields []string
}

// Name returns the name that the qube has now, or had when it vanished.
func (c Change) Name() string {
	if c.After != nil {
		return c.After.Name
	}

	return c.Before.Name
}
