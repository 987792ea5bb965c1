// Package metrics collects the counters of the program's parts, for the stats
// event and for the metrics that libbeat shows.
package metrics

import "github.com/qubesbeat/qubesbeat/internal/event"

// Source is a part of the program that counts. Metrics may be called from any
// goroutine, before, while and after the part runs.
type Source interface{ Metrics(*Set) }

// Set is a list of counters, in groups. The zero value is empty and ready for use.
// It is not safe for concurrent use.
type Set struct {
	groups  []string // in the order of their first counter
	current int      // index into groups
	lists   [][]event.Counter
}

// Group opens a group: what is added goes there. A group may be opened again.
func (s *Set) Group(name string) {
	for i, g := range s.groups {
		if g == name {
			s.current = i
			return
		}
	}
	s.current = len(s.groups)
	s.groups, s.lists = append(s.groups, name), append(s.lists, nil)
}

// Add adds a counter to the open group.
func (s *Set) Add(name string, value uint64) {
	s.lists[s.current] = append(s.lists[s.current], event.Counter{Group: s.groups[s.current], Name: name, Value: value})
}

// Flag adds a counter that is 1 if on, else 0.
func (s *Set) Flag(name string, on bool) {
	value := uint64(0)
	if on {
		value = 1
	}
	s.Add(name, value)
}

// Text adds a word that explains a counter, such as the name of an interface. It adds
// nothing if there is none.
func (s *Set) Text(name, text string) {
	if text == "" {
		return
	}
	s.lists[s.current] = append(s.lists[s.current], event.Counter{Group: s.groups[s.current], Name: name, Text: text})
}

// Counters returns all counters, group by group.
func (s *Set) Counters() []event.Counter {
	var all []event.Counter
	for _, l := range s.lists {
		all = append(all, l...)
	}
	return all
}

// Collect returns the counters of several sources.
func Collect(sources ...Source) []event.Counter {
	var s Set
	for _, src := range sources {
		src.Metrics(&s)
	}
	return s.Counters()
}
