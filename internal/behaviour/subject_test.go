package behaviour_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// mostSubjects is how many subjects are remembered.
const mostSubjects = 128

// subjects returns the names of those that are remembered.
func (w *world) subjects() (list []string) {
	for _, p := range w.Profiles("") {
		list = append(list, p.Subject)
	}
	return list
}

// TestEngine_subjects forgets the subject that was seen last, also one that an earlier run has
// seen, and one that came when another one had gone.
func TestEngine_subjects(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	seen := func(n int, at int64) {
		w.connect(contact(fmt.Sprintf("qube%03d", n), "192.0.2.1:443", "site.example", start+at*1e9))
	}
	for n := range mostSubjects {
		seen(n, int64(n))
	}
	seen(0, 1000)
	seen(mostSubjects, 1001) // qube001 goes, and qube127 takes its place
	seen(3, 1002)
	seen(mostSubjects+1, 1003) // qube002
	check := func(when string, gone ...string) {
		t.Helper()
		list := w.subjects()
		if len(list) != mostSubjects {
			t.Errorf("%s: %d subjects; want %d", when, len(list), mostSubjects)
		}
		for _, name := range gone {
			if slices.Contains(list, name) {
				t.Errorf("%s: %s is remembered; want it to have gone for another", when, name)
			}
		}
	}
	check("in the first run", "qube001", "qube002")
	state := w.Snapshot()
	w = newWorld(nil)
	if err := w.Restore(state); err != nil {
		t.Fatal(err)
	}
	seen(mostSubjects+2, 1004) // qube004, as qube003 was seen again
	check("in the next run", "qube001", "qube002", "qube004")
	w.Forget("")
	seen(mostSubjects+2, 1005) // the one that was seen last
	if list := w.subjects(); len(list) != 1 || list[0] != "qube130" {
		t.Errorf("after all were forgotten: %v; want one that was seen again", list)
	}
}

// TestEngine_subjects_same takes the one whose name comes first of those that were seen last at
// the same time: the findings of two runs are the same.
func TestEngine_subjects_same(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for n := range mostSubjects + 1 {
		w.Observe(&behaviour.Observation{At: start, Kind: behaviour.Opened, Subject: fmt.Sprintf("qube%03d", (n*37+5)%mostSubjects+n/mostSubjects*mostSubjects)})
	}
	if list := w.subjects(); slices.Contains(list, "qube000") || len(list) != mostSubjects {
		t.Errorf("%d subjects, qube000 among them: %v; want it to have gone", len(list), slices.Contains(list, "qube000"))
	}
}
