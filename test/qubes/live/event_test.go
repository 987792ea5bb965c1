//go:build linux

package live_test

import "github.com/qubesbeat/qubesbeat/internal/testbed/beat"

// vif returns the interface that an event was seen on.
func vif(e beat.Event) string { return e.Text("observer.ingress.interface.name") }

// flows returns the final flow events for which keep is true; a nil keep keeps
// all.
func flows(events beat.Events, keep func(beat.Event) bool) beat.Events {
	return events.Filter(func(e beat.Event) bool {
		return e.Text("event.dataset") == "flow" && e.Flag("flow.final") && (keep == nil || keep(e))
	})
}

// onVif keeps the events of one vif.
func onVif(name string) func(beat.Event) bool {
	return func(e beat.Event) bool { return vif(e) == name }
}
