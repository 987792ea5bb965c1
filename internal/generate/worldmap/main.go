// Command worldmap writes the outlines that package worldmap has. Its arguments are
// countries-110m.json and countries-50m.json of the npm package world-atlas.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: worldmap countries-110m.json countries-50m.json"))
	}
	coarse, err := open(os.Args[1])
	fail(err)
	fine, err := open(os.Args[2])
	fail(err)
	fmt.Println(strings.Join(lines(coarse, fine), "\n"))
}

// lines returns a line for each country: its outline from the coarse file, and those that
// have none there from the fine one, without an outline.
func lines(coarse, fine *topology) (all []string) {
	known := map[string]bool{"AQ": true} // which is off the map
	for _, c := range coarse.Objects.Countries.Geometries {
		if path := coarse.path(&c); path != "" && !known[c.code()] {
			known[c.code()] = c.code() != ""
			all = append(all, c.code()+"|"+c.Properties.Name+"|"+coarse.place(&c)+"|"+path)
		}
	}
	for _, c := range fine.Objects.Countries.Geometries {
		if code := c.code(); code != "" && !known[code] {
			known[code] = true
			all = append(all, code+"|"+c.Properties.Name+"|"+fine.place(&c)+"|")
		}
	}
	slices.Sort(all)
	return all
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "worldmap:", err)
		os.Exit(1)
	}
}

// country is a geometry of TopoJSON: indices of arcs, of rings, and for a MultiPolygon of
// polygons.
type country struct {
	Type       string
	ID         string
	Arcs       json.RawMessage
	Properties struct{ Name string }
}

// code returns the code of two letters, "" if there is none.
func (c *country) code() string {
	if c.Properties.Name == "Kosovo" { // its code is given by its users
		return "XK"
	}
	n, err := strconv.Atoi(c.ID)
	if err != nil {
		return ""
	}
	region, err := language.EncodeM49(n)
	if code := region.String(); err == nil && len(code) == 2 {
		return code
	}
	return ""
}

// topology is a file of TopoJSON.
type topology struct {
	Arcs      [][][2]float64
	Transform struct{ Scale, Translate [2]float64 }
	Objects   struct {
		Countries struct{ Geometries []country }
	}
}

func open(path string) (*topology, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := &topology{}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	t.project()
	return t, nil
}
