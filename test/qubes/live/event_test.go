//go:build linux

package live_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// event is an event of the beat with the names of its fields dotted.
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

// flag returns a field as a truth value.
func (e event) flag(name string) bool {
	b, _ := e[name].(bool)
	return b
}

// vif returns the interface that the event was seen on.
func (e event) vif() string { return e.str("observer.ingress.interface.name") }

// readEvents returns the events in the files of output.file, the oldest file
// first.
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
	if len(events) == 0 {
		t.Fatalf("no events in %s", dir)
	}
	return events
}

// readFile returns the events of one file.
func readFile(t *testing.T, path string) []event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var events []event
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var doc map[string]any
		if err = json.Unmarshal(sc.Bytes(), &doc); err != nil {
			t.Fatalf("%s: %v: %q", path, err, sc.Bytes())
		}
		e := event{}
		flatten(e, "", doc)
		events = append(events, e)
	}
	if err = sc.Err(); err != nil {
		t.Fatal(err)
	}
	return events
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

// flows returns the final flow events for which keep is true; a nil keep keeps
// all.
func flows(events []event, keep func(event) bool) []event {
	var out []event
	for _, e := range events {
		if e.str("event.dataset") == "flow" && e.flag("flow.final") && (keep == nil || keep(e)) {
			out = append(out, e)
		}
	}
	return out
}

// onVif keeps the events of one vif.
func onVif(vif string) func(event) bool {
	return func(e event) bool { return e.vif() == vif }
}
