package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// Export is what a bundle is made of.
type Export struct {
	Manifest Manifest // Program, Qube, From and To are set by the caller
	Events   Events   // likewise, but its Anchors

	segments []packetstore.SealedSegment
	lines    []string       // of the chain, from that of the first segment on
	digests  map[string]int // of those lines, their numbers
	last     int            // the line of the last segment, -1 if there is none
}

// ErrNone is returned by [NewExport] if the store has no segment of the qube and the range.
var ErrNone = errors.New("bundle: the store has no packets of this qube and time")

// NewExport looks for the segments of a qube and a range of time, and for their lines in the
// chain. The events are to be read next, with [Events.Read].
func NewExport(r *packetstore.Reader, m Manifest) (*Export, error) {
	e := &Export{Manifest: m, digests: map[string]int{}, last: -1}
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
		}
		e.digests[Digest(raw)] = len(e.lines)
		e.lines = append(e.lines, string(raw))
	})
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
			Write: func(w io.Writer) error { return r.WriteSegment(ctx, w, name) }})
	}
	return Write(out, Readme(&e.Manifest), &e.Manifest, parts)
}
