package beat

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
)

// longestEvent bounds a line of a file of events, in bytes.
const longestEvent = 16 << 20

// Event is an event with the names of its fields dotted. Arrays and empty objects are
// values.
type Event map[string]any

// Events are events in the order in which they were written.
type Events []Event

// Events returns the events that have been written to HOME/out so far.
func (b *Beat) Events(tb testing.TB) Events {
	tb.Helper()
	return ReadEvents(tb, filepath.Join(b.Home, "out"))
}

// ReadEvents returns the events in the files of a folder, the oldest file first, and none
// if there is no such folder.
func ReadEvents(tb testing.TB, dir string) (events Events) {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*")) // in order, and the names have the date
	if err != nil {
		tb.Fatal(err)
	}
	for _, path := range files {
		events = append(events, ReadFile(tb, path)...)
	}
	return events
}

// ReadFile returns the events of a file, and none if there is no such file. It ends at
// a line that is not complete: the last one of a beat that still writes or was killed.
func ReadFile(tb testing.TB, path string) (events Events) {
	tb.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, longestEvent)
	for sc.Scan() {
		e, err := ParseEvent(sc.Bytes())
		if err != nil {
			if sc.Scan() {
				tb.Fatalf("%s: %v, before the last line", path, err)
			}
			break
		}
		strict.Check(tb, path, sc.Bytes())
		events = append(events, e)
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return events
}

// ParseEvent reads an event, or another JSON object.
func ParseEvent(line []byte) (Event, error) {
	var tree map[string]any
	if err := json.Unmarshal(line, &tree); err != nil {
		return nil, err
	}
	return Flatten(tree), nil
}

// Flatten returns the leaves of a JSON object by their dotted names.
func Flatten(tree map[string]any) Event {
	e := Event{}
	e.flatten("", tree)
	return e
}

func (e Event) flatten(prefix string, tree map[string]any) {
	for k, v := range tree {
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 {
			e.flatten(prefix+k+".", inner)
		} else {
			e[prefix+k] = v
		}
	}
}
