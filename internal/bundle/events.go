package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// Events are the events of a qube in a range of time, in files that output.file has written.
type Events struct {
	Qube     string
	From, To time.Time // zero without bound

	// Anchors are the digests of lines of the chain of which the first in a stats event is
	// looked for. The Anchor is nil if none was found.
	Anchors map[string]bool
	Anchor  *Anchor

	files []eventFile
}

// eventFile is a file that was read, and how far: it may grow.
type eventFile struct {
	path string
	end  int64 // bytes of its content
}

// eventFields are those by which an event is chosen.
type eventFields struct {
	Timestamp time.Time `json:"@timestamp"`
	Event     struct {
		Start, End time.Time
	}
	Qube, Observer struct {
		Name string
	}
	Stats struct {
		Packets struct {
			Chain string
		}
	}
}

// ErrNoEvents is wrapped by the error of [Events.Read] for a file that has none.
var ErrNoEvents = errors.New("bundle: there are no events in it")

// Read reads a file, of which Write then writes what is asked for. It keeps one event in
// memory.
func (e *Events) Read(path string) error {
	f := eventFile{path: path}
	count := 0
	err := e.each(path, func(lines *eventfile.Lines, raw []byte) (more bool, err error) {
		f.end = lines.End
		if bytes.HasPrefix(bytes.TrimSpace(raw), []byte{'{'}) { // parsing all of a large file takes too long
			count++
		}
		if bytes.Contains(raw, []byte(`"chain"`)) {
			e.anchor(raw)
		}
		return true, nil
	})
	e.files = append(e.files, f)
	if err == nil && count == 0 {
		err = fmt.Errorf("reading events: %s: %w", path, ErrNoEvents)
	}
	return err
}

// anchor notes a stats event that has one of the digests, if it is the first.
func (e *Events) anchor(raw []byte) {
	var v eventFields
	if json.Unmarshal(raw, &v) != nil || !e.Anchors[v.Stats.Packets.Chain] {
		return
	}
	if e.Anchor == nil || v.Timestamp.Before(e.Anchor.At) {
		e.Anchor = &Anchor{At: v.Timestamp.UTC(), Host: v.Observer.Name, Chain: v.Stats.Packets.Chain}
	}
}

// Write writes the events, a line each, as they are in the files, in the order of the files.
func (e *Events) Write(out io.Writer) error {
	for i := range e.files {
		f := &e.files[i]
		err := e.each(f.path, func(lines *eventfile.Lines, raw []byte) (more bool, err error) {
			if lines.End > f.end {
				return false, nil
			}
			if e.wanted(raw) {
				_, err = out.Write(append(raw[:len(raw):len(raw)], '\n'))
			}
			return err == nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted reports whether an event is of the qube and the range.
func (e *Events) wanted(raw []byte) bool {
	if !bytes.Contains(raw, []byte(e.Qube)) {
		return false // without parsing it
	}
	var v eventFields
	if json.Unmarshal(raw, &v) != nil || v.Qube.Name != e.Qube {
		return false
	}
	first, last := v.Event.Start, v.Event.End
	if first.IsZero() {
		first = v.Timestamp
	}
	if last.Before(first) {
		last = first
	}
	return (e.To.IsZero() || !first.After(e.To)) && (e.From.IsZero() || !last.Before(e.From))
}

// each calls do for the lines of a file until it returns false.
func (e *Events) each(path string, do func(lines *eventfile.Lines, raw []byte) (more bool, err error)) error {
	in, err := eventfile.Open(path, nil)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	lines := eventfile.NewLines(in, eventfile.MaxLine)
	for {
		raw, _, err := lines.Next()
		if err == io.EOF {
			return in.Close()
		}
		more := false
		if err == nil {
			more, err = do(lines, raw)
		}
		if err != nil || !more {
			if err != nil {
				err = fmt.Errorf("reading events: %s: %w", path, err)
			}
			return errors.Join(err, in.Close())
		}
	}
}
