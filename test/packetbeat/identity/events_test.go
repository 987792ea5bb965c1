package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// everything is a configuration with flows and each of packetbeat's protocols.
const everything = beat.AllProtocols + `
packetbeat.flows: {timeout: 30s, period: 10s}
output.file: {path: out, number_of_files: 2, rotate_every_kb: 1000000}
logging.level: error
`

// replayed are the events of all captures, which several tests read.
var replayed struct {
	once   sync.Once
	events beat.Events
}

// allEvents replays the demo and packetbeat's captures, all protocols on.
func allEvents(t testing.TB) beat.Events {
	t.Helper()
	replayed.once.Do(func() {
		p := newProgram(t, packetbeat, map[string]string{"packetbeat.yml": everything +
			fmt.Sprintf("packetbeat.inventory.file: %q\n", fixture.Repository(t, "demo/inventory"))})
		args := []string{"-t", "-I", fixture.Repository(t, "demo/qubes.pcapng")}
		for _, c := range fixture.BeatsCaptures(t) {
			args = append(args, "-I", c)
		}
		p.must(args...)
		replayed.events = p.events()
	})
	if len(replayed.events) < 500 {
		t.Fatalf("%d events; want many more", len(replayed.events))
	}
	return replayed.events
}

// TestEvents_mapped checks that the template maps every field of our own kinds of
// events.
func TestEvents_mapped(t *testing.T) {
	t.Parallel()
	template := exportTemplate(ofName(t, packetbeat))
	mapped, _ := template.fields()
	seen := map[string]bool{}
	for _, e := range allEvents(t) {
		if kind := e["type"]; kind == "flow" || kind == "stats" || kind == nil {
			for name := range e {
				seen[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if !strings.HasPrefix(name, "@metadata.") && !template.explicit(mapped, name) {
			t.Errorf("%s is not in the template", name)
		}
	}
	for _, name := range []string{"qube.name", "flow.end_reason", "stats.capture.frames", "flow.tcp.state", "source.qube.name"} {
		if !seen[name] {
			t.Errorf("no event has %s: the test does not see much", name)
		}
	}
	t.Logf("%d fields of flow and stats events", len(seen))
}

// TestEvents_transactionsMapped checks that the template maps every field of
// transactions, but those that it maps for packetbeat no better: what it writes
// outside of its own fields.yml.
func TestEvents_transactionsMapped(t *testing.T) {
	t.Parallel()
	theirs := typesOf(baseline(t))
	template := exportTemplate(ofName(t, packetbeat))
	mapped, _ := template.fields()
	ours := typesOf(allEvents(t))
	var unmapped, kinds []string
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if strings.HasPrefix(name, "@metadata.") || template.explicit(mapped, name) {
			continue
		}
		unmapped = append(unmapped, name)
		if theirs[name] == nil {
			t.Errorf("%s is not in the template, and packetbeat does not write it", name)
		}
	}
	count := map[string]int{}
	for _, e := range allEvents(t) {
		count[fmt.Sprint(e["type"])]++
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, count[kind]))
	}
	t.Logf("%d events: %s", len(allEvents(t)), strings.Join(kinds, ", "))
	t.Logf("%d fields; unmapped, as packetbeat's: %s", len(ours), strings.Join(unmapped, " "))
}

// kinds are the JSON types of a field.
type kinds map[string]bool

func (k kinds) String() string { return strings.Join(slices.Sorted(maps.Keys(k)), "|") }

// typesOf returns the fields of events with their JSON types.
func typesOf(events beat.Events) map[string]kinds {
	all := map[string]kinds{}
	for _, e := range events {
		for name, v := range e {
			if all[name] == nil {
				all[name] = kinds{}
			}
			all[name][jsonType(v)] = true
		}
	}
	return all
}

func jsonType(v any) string {
	switch v := v.(type) {
	case []any:
		inner := kinds{}
		for _, one := range v {
			inner[jsonType(one)] = true
		}
		return "[" + inner.String() + "]"
	case map[string]any:
		return "object"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}

// baseline returns the events that packetbeat makes of its captures with the
// configuration everything. It skips the test if they do not exist.
func baseline(t testing.TB) beat.Events {
	t.Helper()
	return beat.ReadEvents(t, fixture.Shared(t, "baseline", "events"))
}
