package inventory

import (
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// changed publishes what changed. The first inventory is not a change: it says what
// there is, and in a replay it has no place in the capture's time.
func (s *Service) changed(changes []inventory.Change) {
	for _, f := range s.onChange {
		f()
	}
	if s.index.Generation() == 1 {
		s.deps.Logger.Info("loaded inventory", "qubes", len(changes))
		return
	}
	s.deps.Logger.Info("inventory changed", "changes", len(changes))
	for _, c := range changes {
		if !onlyPower(c) {
			s.deps.Sink.Publish(&Document{event.QubeChange{At: c.At,
				Action: c.Kind.String(), Before: c.Before, After: c.After, Fields: c.Fields}})
		}
	}
}

// onlyPower reports whether a change is one that each start or stop of a qube makes.
// Three of those for every disposable would hide the changes that matter.
func onlyPower(c inventory.Change) bool {
	for _, f := range c.Fields {
		if f != "state" && f != "xid" && f != "stubdom_xid" {
			return false
		}
	}
	return c.Kind == inventory.Changed
}
