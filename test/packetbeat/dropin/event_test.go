//go:build linux

package dropin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// event is an event with the names of its fields dotted.
type event = runner.Event

// ofType keeps the events of some types.
func ofType(kinds ...string) func(event) bool {
	return func(e event) bool { return slices.Contains(kinds, e.Text("type")) }
}

// final keeps the last report of each flow.
func final(e event) bool { return e.Text("type") == "flow" && e["flow.final"] == true }

// ignored lists names that differ from machine to machine or from moment to
// moment, as in packetbeat's own comparison, and those that only we have.
func ignored(name string) bool {
	if slices.Contains([]string{"@timestamp", "event.id", "event.start", "event.end", "event.duration", "ecs.version",
		"network.direction"}, name) {
		return true
	}
	for _, prefix := range []string{"@metadata.", "agent.", "host.", "qube.", "source.qube.", "destination.qube.", "observer."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// comparable is an event as JSON with ordered names, without what is ignored.
func comparable(e event) string {
	rest := map[string]any{}
	for name, v := range e {
		if !ignored(name) {
			rest[name] = v
		}
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// lastStats returns the counters of the last stats event.
func lastStats(t *testing.T, events runner.Events) map[string]uint64 {
	t.Helper()
	counters := map[string]uint64{}
	last := events.Where(event{"stats.last": true}).Last()
	for name := range last {
		if counter, ok := strings.CutPrefix(name, "stats."); ok {
			counters[counter] = last.Number(name)
		}
	}
	if len(counters) == 0 {
		t.Error("no last stats event")
	}
	return counters
}
