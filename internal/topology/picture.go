package topology

import "fmt"

// Picture is a [Map] as lines and boxes, in pixels.
type Picture struct {
	Width, Height float64
	Edges         []Edge
	Boxes         []Box
}

// Edge is the line between two boxes.
type Edge struct {
	Data string // the d of a path of SVG
	Kind string // plain, quiet, tunnel or fail
}

// Text is a line of text in a box, harmless and short.
type Text struct {
	X, Y float64 // of its beginning, on the baseline
	Text string
}

// Picture places a Map.
func (m *Map) Picture() *Picture {
	p := &Picture{}
	p.Boxes, p.Width, p.Height = m.Place()
	for i := range p.Boxes {
		if b := &p.Boxes[i]; b.parent >= 0 {
			p.Edges = append(p.Edges, Edge{curve(&p.Boxes[b.parent], b), b.kind.String()})
		}
	}
	return p
}

// curve returns the line between two boxes, whichever is on the left.
func curve(from, to *Box) string {
	if from.X > to.X {
		from, to = to, from
	}
	x1, y1, x2, y2 := from.X+from.W, from.Y+from.H/2, to.X, to.Y+to.H/2
	middle := (x1 + x2) / 2
	return fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x1, y1, middle, y1, middle, y2, x2, y2)
}

// IsQube reports whether the box is one of the Map's Qubes, and not the host, what is above
// it, or an exit.
func (b *Box) IsQube() bool { return b.qube != nil }

// Label returns the trust label of the box's qube, "" if it is none.
func (b *Box) Label() string {
	if b.qube == nil {
		return ""
	}
	return b.qube.Label
}

// Texts returns the lines of the box with their places. The first one is a name.
func (b *Box) Texts() (all []Text) {
	for i, l := range b.Lines {
		all = append(all, Text{b.X + padding + 4, b.Y + padding + lineHeight*float64(i) + 12, l})
	}
	return all
}
