package worldmap

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed world.txt
var text string

// Size of the map, in the units of its paths: Scale to a degree, from West and North.
const (
	Width  = 360 * Scale
	Height = (North - South) * Scale
	Scale  = 4
	West   = -180
	North  = 84
	South  = -57 // what is below is ice
)

// Country is the outline of a country.
type Country struct {
	Code string // of ISO 3166, two letters; "" for areas without one
	Name string
	X, Y int    // in its middle
	Path string // the d of a path of SVG; "" for a country that is too small
}

// Countries returns all countries in the order of their codes, areas without one first.
func Countries() []Country {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	all := make([]Country, len(lines))
	for i, line := range lines {
		parts := strings.Split(line, "|")
		if len(parts) != 4 {
			panic(fmt.Sprintf("worldmap: line %d of world.txt has %d parts", i+1, len(parts)))
		}
		c := &all[i]
		c.Code, c.Name, c.Path = parts[0], parts[1], parts[3]
		if _, err := fmt.Sscan(parts[2], &c.X, &c.Y); err != nil {
			panic(fmt.Sprintf("worldmap: line %d of world.txt: %v", i+1, err))
		}
	}
	return all
}
