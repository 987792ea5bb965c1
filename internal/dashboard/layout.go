package dashboard

// gridWidth is the number of columns of Kibana's grid.
const gridWidth = 48

// size is the usual size of a type of panels.
type size struct{ width, height int }

var sizes = map[string]size{"metric": {8, 5}, "bars": {24, 12}, "stacked": {24, 12}, "lines": {24, 12}, "table": {24, 14}}

// place is where a panel stands on the grid.
type place struct{ x, y, w, h int }

// layout places panels from left to right, and below if there is no room. All of a row
// are as high as its highest. top is the first free row of the grid.
func layout(panels []Panel, top int) []place {
	places := make([]place, len(panels))
	x, height, row := 0, 0, 0 // of the present row; row is its first panel
	for i := range panels {
		p := &panels[i]
		usual := sizes[p.Type]
		w, h := orInt(p.Width, usual.width), orInt(p.Height, usual.height)
		if x+w > gridWidth {
			top, x, height, row = top+height, 0, 0, i
		}
		places[i] = place{x: x, y: top, w: w}
		x, height = x+w, max(height, h)
		for j := row; j <= i; j++ {
			places[j].h = height
		}
	}
	return places
}

func orInt(n, otherwise int) int {
	if n != 0 {
		return n
	}
	return otherwise
}

// json returns the place as Kibana has it.
func (p place) json(id string) object {
	return object{"i": id, "x": p.x, "y": p.y, "w": p.w, "h": p.h}
}
