//go:build linux

package beat

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Event is an event with dotted names.
type Event map[string]any

// Events are events in the order in which they were written.
type Events []Event

// Events returns the events that have been written so far.
func (b *Beat) Events(t testing.TB) (events Events) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(b.Home, "out", "*"))
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var m map[string]any
			if json.Unmarshal(sc.Bytes(), &m) != nil {
				continue // the last line of a killed beat
			}
			e := Event{}
			e.flatten("", m)
			events = append(events, e)
		}
		_ = f.Close()
	}
	return events
}

func (e Event) flatten(prefix string, m map[string]any) {
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			e.flatten(prefix+k+".", inner)
		} else {
			e[prefix+k] = v
		}
	}
}

// Has reports whether the event has all the fields of want, with these values.
func (e Event) Has(want Event) bool {
	for k, v := range want {
		if n, ok := v.(int); ok {
			v = float64(n)
		}
		if e[k] != v {
			return false
		}
	}
	return true
}

// Where returns the events that have all the fields of want.
func (all Events) Where(want Event) (some Events) {
	for _, e := range all {
		if e.Has(want) {
			some = append(some, e)
		}
	}
	return some
}

// Last returns the last stats event.
func (all Events) Last() (last Event) {
	for _, e := range all.Where(Event{"event.dataset": "qubesbeat.stats"}) {
		last = e
	}
	return last
}
