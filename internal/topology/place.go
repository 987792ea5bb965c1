package topology

import "strings"

// Sizes of the picture, in pixels. The font has a fixed width, so that the width of a text
// is known without the font.
const (
	charWidth  = 7.3 // of 12 px
	lineHeight = 16
	padding    = 8
	boxGap     = 10 // between boxes of a column
	columnGap  = 48 // between columns, for the lines
	margin     = 12
)

// Box is where a qube, or something above it, stands in the picture.
type Box struct {
	X, Y, W, H float64
	Lines      []string // of text, harmless and short

	qube   *Qube // nil for what is not a qube below the host
	parent int   // index of the box that it hangs at; -1 for none
	kind   edgeKind
}

// Place returns the boxes of a Map: the exits, the chain from the outside to the host, and
// the forest, from left to right. No two of them overlap. w and h are the size of the
// picture.
func (m *Map) Place() (boxes []Box, w, h float64) {
	p := placing{m: m}
	exits := p.exits()
	first := -1
	for i, name := range append(append([]string{}, m.Upstream...), m.Host) {
		first = p.add(1+i, Box{Lines: []string{text(name)}, parent: first})
	}
	host := first
	p.below(host, 2+len(m.Upstream), m.Forest())
	p.chain(exits, host)
	return p.boxes, p.columns(), p.bottom + margin
}

// placing places boxes, column by column.
type placing struct {
	m      *Map
	boxes  []Box
	column []int   // of each box
	next   float64 // where the next row of the forest begins
	bottom float64 // of the lowest box
}

func (p *placing) add(column int, b Box) int {
	b.W, b.H = 2*padding, 2*padding+lineHeight*float64(len(b.Lines))
	for _, l := range b.Lines {
		b.W = max(b.W, 2*padding+charWidth*float64(width(l)+1))
	}
	p.boxes = append(p.boxes, b)
	p.column = append(p.column, column)
	return len(p.boxes) - 1
}

// below places the qubes behind a box: the leaves one below the other, a netvm in the
// middle of its clients.
func (p *placing) below(parent, column int, nodes []*Node) {
	for _, n := range nodes {
		i := p.add(column, Box{Lines: p.m.caption(n.Qube), qube: n.Qube, parent: parent, kind: edgeOf(n)})
		top := p.next
		p.below(i, column+1, n.Children)
		h := p.boxes[i].H
		if used := p.next - top - boxGap; used > h {
			p.boxes[i].Y = margin + top + (used-h)/2
		} else {
			p.boxes[i].Y = margin + top
			p.next = top + h + boxGap
		}
		p.bottom = max(p.bottom, p.boxes[i].Y+h, margin+p.next-boxGap)
	}
}

// maxUsers is how many qubes a box of a way out names.
const maxUsers = 3

// exits adds a box for each distinct way out, with the names of the qubes that are to leave
// there, for all others leave elsewhere.
func (p *placing) exits() (list []int) {
	users := map[string][]string{}
	var all [][]string
	for _, n := range p.m.Forest() { // what is behind them leaves with them
		lines := p.m.exitLines(n.Qube)
		if lines[0] == "" {
			continue
		}
		if users[lines[0]] == nil {
			all = append(all, lines)
		}
		users[lines[0]] = append(users[lines[0]], text(n.Name))
	}
	for _, lines := range all {
		names := users[lines[0]]
		of := "of " + strings.Join(names[:min(len(names), maxUsers)], ", ")
		if len(names) > maxUsers {
			of += ", …"
		}
		list = append(list, p.add(0, Box{Lines: append(lines, of), parent: -1}))
	}
	return list
}

// exitLines returns the text of the way out of a qube; the first line is "" if it is not
// known.
func (m *Map) exitLines(q *Qube) []string {
	lines := []string{q.Exit.way()}
	if lines[0] == "" {
		lines[0] = text(q.Exit.Kind)
	}
	if e := q.external(m.At); e != "" {
		lines = append(lines, e)
	}
	return lines
}

// chain puts the host and what is above it in the middle, and the exits one below the
// other.
func (p *placing) chain(exits []int, host int) {
	y := float64(margin)
	for _, i := range exits {
		p.boxes[i].Y = y
		y += p.boxes[i].H + boxGap
	}
	p.bottom = max(p.bottom, y-boxGap, margin+p.boxes[host].H)
	for _, i := range exits {
		p.boxes[i].Y += (p.bottom - (y - boxGap)) / 2
	}
	outermost := host
	for i := host; i >= 0; i = p.boxes[i].parent {
		p.boxes[i].Y = (p.bottom + margin - p.boxes[i].H) / 2
		outermost = i
	}
	for _, i := range exits {
		p.boxes[i].parent = outermost
	}
}

// columns gives each box its X and the width of its column, and returns the width of the
// picture. A column without boxes takes no room.
func (p *placing) columns() float64 {
	last := 0
	for _, c := range p.column {
		last = max(last, c)
	}
	widths := make([]float64, last+1)
	for i, c := range p.column {
		widths[c] = max(widths[c], p.boxes[i].W)
	}
	x := float64(margin)
	for c, w := range widths {
		for i := range p.boxes {
			if p.column[i] == c {
				p.boxes[i].X, p.boxes[i].W = x, w
			}
		}
		if w > 0 {
			x += w + columnGap
		}
	}
	return x - columnGap + margin
}
