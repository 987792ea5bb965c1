package netmap

import (
	"cmp"
	"slices"
)

// Sizes in pixels.
const (
	boxWidth  = 190
	boxHeight = 40
	rowHeight = 52
	colWidth  = 250
	margin    = 20
	firstRow  = margin + 70 // below the title and the root
)

// box is a rectangle of the picture.
type box struct{ x, y, w, h int }

// overlaps reports whether two boxes share a point.
func (b box) overlaps(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// placed is a qube with its place.
type placed struct {
	*node
	box
	parent int // index of its parent, -1 for none
}

// exit is a way out with its place.
type exit struct {
	name  string
	box   box
	users []int // indexes of qubes
	want  int   // where its users would have it
}

// drawing is a map with all places.
type drawing struct {
	root          box
	qubes         []placed
	exits         []exit
	width, height int
}

// layout places exits in the first column, the qubes that are attached in the second, and
// those behind them further to the right. Each leaf has a row of its own, and a qube stands
// in the middle of those behind it.
func (m *Map) layout() *drawing {
	d := &drawing{root: box{margin + colWidth, margin, boxWidth, boxHeight}}
	row := 0
	for _, n := range m.forest() {
		d.place(n, -1, &row)
	}
	d.addExits()
	deepest := 1
	for i := range d.qubes {
		deepest = max(deepest, d.qubes[i].depth)
	}
	d.width = margin*2 + colWidth*deepest + boxWidth
	d.height = firstRow + row*rowHeight + margin
	for i := range d.exits {
		d.height = max(d.height, d.exits[i].box.y+boxHeight+margin)
	}
	return d
}

// place places a qube and those behind it, and returns the middle of its row.
func (d *drawing) place(n *node, parent int, row *int) int {
	at := len(d.qubes)
	d.qubes = append(d.qubes, placed{node: n, parent: parent})
	y := firstRow + *row*rowHeight
	if len(n.children) == 0 {
		*row++
	} else {
		first := d.place(n.children[0], at, row)
		last := first
		for _, c := range n.children[1:] {
			last = d.place(c, at, row)
		}
		y = (first + last) / 2
	}
	d.qubes[at].box = box{margin + colWidth*n.depth, y, boxWidth, boxHeight}
	return y
}

// addExits places each exit near the qubes that use it, in their order.
func (d *drawing) addExits() {
	for i := range d.qubes {
		name := d.qubes[i].exitOf()
		if name == "" {
			continue
		}
		at := slices.IndexFunc(d.exits, func(e exit) bool { return e.name == name })
		if at < 0 {
			d.exits, at = append(d.exits, exit{name: name}), len(d.exits)
		}
		d.exits[at].users = append(d.exits[at].users, i)
	}
	for i := range d.exits {
		e := &d.exits[i]
		for _, u := range e.users {
			e.want += d.qubes[u].y
		}
		e.want /= len(e.users)
	}
	slices.SortStableFunc(d.exits, func(a, b exit) int { return cmp.Compare(a.want, b.want) })
	next := firstRow
	for i := range d.exits {
		e := &d.exits[i]
		e.box = box{margin, max(next, e.want), boxWidth - 10, boxHeight}
		next = e.box.y + rowHeight
	}
}
