//go:build linux

package dropin_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// event is an event with the names of its fields dotted.
type event map[string]any

// str returns a field as text, "" if it has none.
func (e event) str(name string) string {
	s, _ := e[name].(string)
	return s
}

// num returns a field as a number, 0 if it has none.
func (e event) num(name string) uint64 {
	n, _ := e[name].(float64) // exact up to 2^53
	return uint64(n)
}

// readEvents returns the events in the files of output.file, the oldest file
// first. There may be none yet.
func readEvents(t *testing.T, dir string) []event {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "events*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths) // named by date
	var events []event
	for _, path := range paths {
		events = append(events, readFile(t, path)...)
	}
	return events
}

// readFile returns the events of one file. Its last line may not be written to
// the end yet.
func readFile(t *testing.T, path string) []event {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var events []event
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		e, err := parseEvent(sc.Bytes())
		if err != nil {
			break
		}
		events = append(events, e)
	}
	if err = sc.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

func parseEvent(line []byte) (event, error) {
	var doc map[string]any
	if err := json.Unmarshal(line, &doc); err != nil {
		return nil, err
	}
	e := event{}
	flatten(e, "", doc)
	return e, nil
}

// flatten puts the leaves of doc into e.
func flatten(e event, prefix string, doc map[string]any) {
	for name, v := range doc {
		if sub, ok := v.(map[string]any); ok {
			flatten(e, prefix+name+".", sub)
			continue
		}
		e[prefix+name] = v
	}
}

// pick returns the events for which keep is true.
func pick(events []event, keep func(event) bool) (out []event) {
	for _, e := range events {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// ofType keeps the events of some types.
func ofType(kinds ...string) func(event) bool {
	return func(e event) bool { return slices.Contains(kinds, e.str("type")) }
}

// final keeps the last report of each flow.
func final(e event) bool { return e.str("type") == "flow" && e["flow.final"] == true }

// ignored lists names that differ from machine to machine or from moment to
// moment, as in packetbeat's own comparison, and those that only we have.
func ignored(name string) bool {
	if slices.Contains([]string{"@timestamp", "event.start", "event.end", "event.duration", "ecs.version",
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
func lastStats(t *testing.T, events []event) map[string]uint64 {
	t.Helper()
	counters := map[string]uint64{}
	for _, e := range events {
		if e["stats.last"] != true {
			continue
		}
		for name, v := range e {
			if n, ok := v.(float64); ok {
				counters[strings.TrimPrefix(name, "stats.")] = uint64(n)
			}
		}
	}
	if len(counters) == 0 {
		t.Error("no last stats event")
	}
	return counters
}
