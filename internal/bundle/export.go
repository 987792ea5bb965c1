package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Export is what a bundle is made of.
type Export struct {
	Manifest Manifest // Program, Qube, From and To are set by the caller
	Events   Events   // likewise, but its Anchors
	Problems []string // after Write: what of the segments is not as it was stored, made harmless

	segments []packetstore.SealedSegment
	lines    []string       // of the chain, from that of the first segment on
	digests  map[string]int // of those lines, their numbers
	last     int            // the line of the last segment, -1 if there is none
	sealed   map[string]*line
}

// ErrNone is returned by [NewExport] if the store has no segment of the qube and the range.
var ErrNone = errors.New("bundle: the store has no packets of this qube and time")

// NewExport looks for the segments of a qube and a range of time, and for their lines in the
// chain. The events are to be read next, with [Events.Read].
func NewExport(r *packetstore.Reader, m Manifest) (*Export, error) {
	e := &Export{Manifest: m, digests: map[string]int{}, last: -1, sealed: map[string]*line{}}
	e.Manifest.Bundle = 1
	var err error
	if e.segments, err = r.Segments(m.Qube, m.From, m.To); err != nil {
		return nil, err
	}
	if len(e.segments) == 0 {
		return nil, ErrNone
	}
	if err := e.readChain(r); err != nil {
		return nil, err
	}
	e.segments = slices.DeleteFunc(e.segments, func(s packetstore.SealedSegment) bool { // whose index is missing
		l := e.sealed[s.Name]
		return s.First.IsZero() && l != nil && !l.overlaps(m.From, m.To)
	})
	if len(e.segments) == 0 {
		return nil, ErrNone
	}
	e.Events = Events{Qube: m.Qube, From: m.From, To: m.To, Anchors: map[string]bool{}}
	for digest, at := range e.digests {
		if at >= e.last {
			e.Events.Anchors[digest] = true
		}
	}
	return e, nil
}

// Segments returns how many segments the bundle has.
func (e *Export) Segments() int { return len(e.segments) }

// readChain reads the lines from that of the first segment on.
func (e *Export) readChain(r *packetstore.Reader) error {
	ours := map[string]bool{}
	for i := range e.segments {
		ours[e.segments[i].Name] = true
	}
	return r.Chain(func(raw []byte, l *packetstore.Line) {
		mine := ours[l.Name] && (l.Event == packetstore.Sealed || l.Event == packetstore.Repaired)
		if !mine && len(e.lines) == 0 {
			return
		}
		if mine {
			e.last = len(e.lines)
			e.noteLine(&line{Number: l.Number, Event: l.Event, Name: l.Name, Bytes: l.Bytes, First: l.First, Last: l.Last, Segment: l.Segment})
		}
		e.digests[Digest(raw)] = len(e.lines)
		e.lines = append(e.lines, string(raw))
	})
}

// noteLine notes what the chain says first of a segment, and what later contradicts it.
func (e *Export) noteLine(l *line) {
	switch was := e.sealed[l.Name]; {
	case was == nil:
		e.sealed[l.Name] = l
	case was.differs(l):
		e.problem(l.Name, fmt.Sprintf("it was changed between line %d (%s) and line %d (%s) of the chain", was.Number, was.Event, l.Number, l.Event))
	}
}

func (e *Export) problem(name, how string) {
	text := safetext.Line(name + ": " + how)
	if len(e.Problems) < maxProblems && !slices.Contains(e.Problems, text) {
		e.Problems = append(e.Problems, text)
	}
}

// writeSegment writes a segment, and compares it with the chain: the bundle shows what was stored, also
// where that was changed, and who makes it should know.
func (e *Export) writeSegment(ctx context.Context, w io.Writer, r *packetstore.Reader, name string) error {
	stored := packetstore.NewDigest()
	if err := r.WriteSegment(ctx, io.MultiWriter(w, stored), name); err != nil {
		return err
	}
	if how := e.sealed[name].unlike(stored); how != "" {
		e.problem(name, how)
	}
	return nil
}

// Write writes the bundle.
func (e *Export) Write(ctx context.Context, out io.Writer, r *packetstore.Reader) error {
	end := e.last + 1
	if a := e.Events.Anchor; a != nil {
		e.Manifest.Anchor, end = a, e.digests[a.Chain]+1
	}
	e.Manifest.Chain = e.lines[:end]
	inventory, err := Inventory(e.segments)
	if err != nil {
		return fmt.Errorf("making the inventory: %w", err)
	}
	parts := []Part{
		{Name: InventoryName, Write: func(w io.Writer) error { _, err := w.Write(inventory); return err }},
		{Name: EventsName, Write: e.Events.Write},
	}
	for i := range e.segments {
		name := e.segments[i].Name
		parts = append(parts, Part{Name: packetsPrefix + path.Base(name), Segment: name,
			Write: func(w io.Writer) error { return e.writeSegment(ctx, w, r, name) }})
	}
	return Write(out, Readme(&e.Manifest), &e.Manifest, parts)
}
