package htmlreport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/worldmap"
)

// World is the outline of the world, with the countries that traffic goes to.
type World struct {
	Width, Height int
	Land          string // the d of a path: all without traffic
	Countries     []Path
	Signs         []Sign
}

// Sign is a country's code on the outline.
type Sign struct {
	X, Y int // of its middle
	Text string
}

// Size of a sign, in the units of the outline.
const (
	signWidth  = 26
	signHeight = 18
	spot       = 6 // half of the width of a country that is too small for an outline
)

// country is what all qubes together had with a country.
type country struct {
	analysis.Place
	qubes int
}

// countries returns all countries, those with the most bytes first, and how many rows were
// dropped.
func (b *builder) countries() (all []*country, dropped uint64) {
	byCode := map[string]*country{}
	for _, q := range b.all {
		dropped += q.Countries.Dropped
		for _, p := range q.Countries.Top(-1) {
			c := byCode[p.Name]
			if c == nil {
				c = &country{Place: analysis.Place{Name: p.Name}}
				byCode[p.Name] = c
				all = append(all, c)
			}
			c.Flows, c.Out, c.In, c.qubes = c.Flows+p.Flows, c.Out+p.Out, c.In+p.In, c.qubes+1
		}
	}
	slices.SortFunc(all, func(x, y *country) int {
		return cmp.Or(cmp.Compare(y.Bytes(), x.Bytes()), cmp.Compare(x.Name, y.Name))
	})
	return all, dropped
}

// world draws the outline, and makes the table with the same and more. The outline is nil if
// no country is known. Codes that no country has are in the table alone.
func (b *builder) world() (*World, Table) {
	all, dropped := b.countries()
	if len(all) == 0 {
		return nil, b.countryTable(nil, dropped, nil)
	}
	atlas := map[string]worldmap.Country{}
	var land strings.Builder
	for _, o := range worldmap.Countries() {
		if o.Code == "" || !slices.ContainsFunc(all, func(c *country) bool { return c.Name == o.Code }) {
			land.WriteString(o.Path)
			continue
		}
		atlas[o.Code] = o
	}
	w := &World{Width: worldmap.Width, Height: worldmap.Height, Land: land.String()}
	for _, c := range all {
		if o, ok := atlas[c.Name]; ok {
			w.add(&o, heat(c.Bytes(), all[0].Bytes()))
		}
	}
	return w, b.countryTable(all, dropped, atlas)
}

// countryTable is the table of all countries.
func (b *builder) countryTable(all []*country, dropped uint64, atlas map[string]worldmap.Country) Table {
	t := Table{Head: []string{"Country", "Name", "Qubes", "Flows", "Out", "In", "Bytes"}}
	rows := all[:b.limit(len(all))]
	for _, c := range rows {
		t.Rows = append(t.Rows, []Cell{short(c.Name), word(atlas[c.Name].Name), number(uint64(c.qubes)), number(c.Flows), size(c.Out), size(c.In), heatCell(c.Bytes(), all[0].Bytes())})
	}
	t.More = more(len(all)-len(rows), dropped, "countries")
	return t
}

// add adds a country, the largest first. Its sign is left out where there is no room.
func (w *World) add(o *worldmap.Country, class string) {
	path := o.Path
	if path == "" {
		path = fmt.Sprintf("M%d %dh%dv%dh%dz", o.X-spot, o.Y-spot, 2*spot, 2*spot, -2*spot)
	}
	w.Countries = append(w.Countries, Path{Class: class, Name: o.Code, Data: path})
	for _, by := range [][2]int{{0, 0}, {0, -1}, {0, 1}, {-1, 0}, {1, 0}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}} {
		s := Sign{o.X + by[0]*signWidth, o.Y + by[1]*signHeight, o.Code}
		if !slices.ContainsFunc(w.Signs, s.overlaps) && s.X > signWidth && s.X < w.Width-signWidth {
			w.Signs = append(w.Signs, s)
			return
		}
	}
}

// overlaps reports whether two signs are in each other's way.
func (s Sign) overlaps(other Sign) bool {
	dx, dy := s.X-other.X, s.Y-other.Y
	return max(dx, -dx) < signWidth && max(dy, -dy) < signHeight
}
