package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/worldmap"
)

const (
	tolerance = 1.0 // how far a line may be from the real one, in units of the map
	leastArea = 8.0 // of a ring that is drawn, in square units
)

// project turns the differences of all arcs into simplified places on the map.
func (t *topology) project() {
	for i, arc := range t.Arcs {
		x, y := 0.0, 0.0
		for j, p := range arc {
			x, y = x+p[0], y+p[1]
			lon, lat := x*t.Transform.Scale[0]+t.Transform.Translate[0], y*t.Transform.Scale[1]+t.Transform.Translate[1]
			arc[j] = [2]float64{(lon - worldmap.West) * worldmap.Scale, (worldmap.North - lat) * worldmap.Scale}
			if j > 0 {
				arc[j][0] += turns(arc[j-1][0] - arc[j][0])
			}
		}
		t.Arcs[i] = simplify(arc)
	}
}

// simplify leaves out points that are close to the line between others (Douglas, Peucker).
func simplify(line [][2]float64) [][2]float64 {
	if len(line) < 3 {
		return line
	}
	first, last := line[0], line[len(line)-1]
	far, at := 0.0, 0
	for i, p := range line[1 : len(line)-1] {
		if d := distance(p, first, last); d > far {
			far, at = d, i+1
		}
	}
	if far <= tolerance {
		return [][2]float64{first, last}
	}
	before := simplify(line[:at+1])
	return append(before[:len(before)-1:len(before)-1], simplify(line[at:])...)
}

// distance is that of p from the line from a to b, or from a if they are one.
func distance(p, a, b [2]float64) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	length := math.Hypot(dx, dy)
	if length == 0 {
		return math.Hypot(p[0]-a[0], p[1]-a[1])
	}
	return math.Abs(dx*(a[1]-p[1])-(a[0]-p[0])*dy) / length
}

// ring is a closed line of whole units.
type ring [][2]int

// rings returns the rings of a country on the map.
func (t *topology) rings(c *country) (all []ring) {
	var polygons [][][]int
	if c.Type == "Polygon" {
		polygons = make([][][]int, 1)
		fail(json.Unmarshal(c.Arcs, &polygons[0]))
	} else {
		fail(json.Unmarshal(c.Arcs, &polygons))
	}
	for _, polygon := range polygons {
		for _, arcs := range polygon {
			all = append(all, split(t.line(arcs))...)
		}
	}
	return all
}

// line joins arcs, of which a negative one runs backwards.
func (t *topology) line(arcs []int) (all [][2]float64) {
	for _, n := range arcs {
		arc := slices.Clone(t.Arcs[max(n, ^n)])
		if n < 0 {
			slices.Reverse(arc)
		}
		if len(all) > 0 {
			for i, by := 0, turns(all[len(all)-1][0]-arc[0][0]); i < len(arc); i++ {
				arc[i][0] += by
			}
		}
		all = append(all, arc...)
	}
	return all
}

// turns returns what a step of so much to the right is more than half around the world, in
// whole turns: the files join what the 180th meridian cuts, a map does not.
func turns(step float64) float64 { return math.Round(step/worldmap.Width) * worldmap.Width }

// split cuts a closed line where it leaves the map in the west or the east, moves the parts
// onto it, and rounds. What is below the map is left out.
func split(line [][2]float64) (all []ring) {
	for _, by := range []float64{-worldmap.Width, 0, worldmap.Width} {
		moved := slices.Clone(line)
		for i := range moved {
			moved[i][0] += by
		}
		moved = cut(moved, func(p [2]float64) float64 { return p[0] })
		moved = cut(moved, func(p [2]float64) float64 { return worldmap.Width - p[0] })
		if r := rounded(moved); len(r) > 0 && !slices.ContainsFunc(r, func(p [2]int) bool { return p[1] > worldmap.Height }) {
			all = append(all, r)
		}
	}
	return all
}

// cut returns the part of an area for whose points inside is not negative (Sutherland,
// Hodgman).
func cut(line [][2]float64, inside func([2]float64) float64) (part [][2]float64) {
	for i, q := range line {
		p := line[(i+len(line)-1)%len(line)]
		a, b := inside(p), inside(q)
		if a*b < 0 {
			f := a / (a - b)
			part = append(part, [2]float64{p[0] + f*(q[0]-p[0]), p[1] + f*(q[1]-p[1])})
		}
		if b >= 0 {
			part = append(part, q)
		}
	}
	return part
}

func rounded(line [][2]float64) (r ring) {
	for _, p := range line {
		q := [2]int{int(math.Round(p[0])), int(math.Round(p[1]))}
		if len(r) == 0 || r[len(r)-1] != q {
			r = append(r, q)
		}
	}
	for len(r) > 1 && r[0] == r[len(r)-1] {
		r = r[:len(r)-1]
	}
	return r
}

// area returns the area of a ring and its middle.
func (r ring) area() (size, x, y float64) {
	for i, p := range r {
		q := r[(i+1)%len(r)]
		cross := float64(p[0]*q[1] - q[0]*p[1])
		size, x, y = size+cross/2, x+cross*float64(p[0]+q[0])/6, y+cross*float64(p[1]+q[1])/6
	}
	if size == 0 {
		return 0, float64(r[0][0]), float64(r[0][1])
	}
	return math.Abs(size), x / size, y / size
}

// path returns the d of a country's path, "" if all of it is small or off the map.
func (t *topology) path(c *country) string {
	var b strings.Builder
	for _, r := range t.rings(c) {
		if size, _, _ := r.area(); size < leastArea {
			continue
		}
		fmt.Fprintf(&b, "M%d %dl", r[0][0], r[0][1])
		space := ""
		for i := 1; i < len(r); i++ {
			for k := range 2 {
				d := r[i][k] - r[i-1][k]
				if d >= 0 {
					b.WriteString(space)
				}
				fmt.Fprint(&b, d)
				space = " "
			}
		}
		b.WriteString("z")
	}
	return b.String()
}

// place returns the middle of the largest ring of a country.
func (t *topology) place(c *country) string {
	most, x, y := -1.0, 0.0, 0.0
	for _, r := range t.rings(c) {
		if size, rx, ry := r.area(); size > most {
			most, x, y = size, rx, ry
		}
	}
	return fmt.Sprintf("%.0f %.0f", x, y)
}
