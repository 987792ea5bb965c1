package eventimport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
)

// maxFiles bounds the files that a state remembers. The oldest are forgotten.
const maxFiles = 10_000

// Place is how far a file was acknowledged.
type Place struct {
	Name   string    `json:"name"`   // of the file, for readers of the state
	Offset int64     `json:"offset"` // behind the last event, in bytes of the content
	Last   string    `json:"last"`   // the ID of that event
	Events uint64    `json:"events"` // that were sent up to there
	At     time.Time `json:"at"`     // when that was
}

// State remembers how far files were acknowledged by one output. A file is known by the
// hash of its first line, so that it may be moved, compressed, or grow. A nil State
// remembers nothing. It is safe for concurrent use.
type State struct {
	path string

	mu     sync.Mutex
	places map[string]Place // guarded by mu, by the hash of the first line
	dirty  bool             // guarded by mu
}

// OpenState reads a state, or returns an empty one if there is no such file.
func OpenState(path string) (*State, error) {
	s := &State{path: path, places: map[string]Place{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s.places)
	}
	if err != nil {
		return nil, fmt.Errorf("reading how far earlier imports have come: %s: %w; remove the file to begin again", path, err)
	}
	if s.places == nil { // the text is null
		s.places = map[string]Place{}
	}
	return s, nil
}

// place returns how far a file was acknowledged.
func (s *State) place(first string) (p Place, ok bool) {
	if s == nil {
		return p, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok = s.places[first]
	return p, ok
}

// set sets how far a file was acknowledged.
func (s *State) set(first string, p Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.places[first]; old.Offset == p.Offset && old.Last == p.Last {
		return
	}
	p.At = time.Now().UTC()
	s.places[first] = p
	s.dirty = true
	if len(s.places) > maxFiles {
		s.forget()
	}
}

// forget removes the oldest tenth.
func (s *State) forget() {
	times := make([]time.Time, 0, len(s.places))
	for _, p := range s.places {
		times = append(times, p.At)
	}
	slices.SortFunc(times, time.Time.Compare)
	limit := times[maxFiles/10]
	for first, p := range s.places {
		if p.At.Before(limit) {
			delete(s.places, first)
		}
	}
}

// save replaces the file with what is remembered now, if that has changed.
func (s *State) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty {
		return nil
	}
	text, err := json.MarshalIndent(s.places, "", " ")
	if err == nil {
		err = atomicfile.Write(s.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remembering how far the import has come: %w; the next import will send these events again", err)
	}
	s.dirty = false
	return nil
}
