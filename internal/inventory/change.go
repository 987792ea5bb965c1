package inventory

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A Kind is the kind of a [Change].
type Kind int

// The kinds of changes. A qube that was removed and created again under its old name has vanished and appeared.
const (
	Vanished Kind = iota + 1
	Changed
	Appeared
)

// String returns the kind as it is written in events, "unknown" for any other number.
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

// A Change is a difference between two inventories that concerns one qube.
type Change struct {
	// At is the time of the update.
	At time.Time

	// Kind is Vanished, Changed or Appeared.
	Kind Kind

	// Before is nil if the qube appeared, After is nil if it vanished. They must not be changed.
	Before, After *qube.Qube

	// Fields names the fields that differ if Kind is Changed: name, class, state, label, netvm, template, ip, ip6,
	// provides_network, xid, stubdom_xid, uuid, exit, tags, in this order. A qube was renamed if its name changed and its UUID
	// did not; without UUIDs, one qube vanishes and another appears.
	Fields []string
}

// Name returns the name that the qube has now, or had when it vanished.
func (c Change) Name() string {
	if c.After != nil {
		return c.After.Name
	}
	return c.Before.Name
}
