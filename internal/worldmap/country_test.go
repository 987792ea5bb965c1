package worldmap_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/worldmap"
)

// points returns the corners of the rings of a path.
func points(t *testing.T, path string) (rings [][][2]int) {
	t.Helper()
	for _, part := range strings.Split(strings.TrimSuffix(path, "z"), "z") {
		m := regexp.MustCompile(`^M(\d+) (\d+)l((?: ?-?\d+)*)$`).FindStringSubmatch(part)
		if m == nil {
			t.Fatalf("not a ring: %q", part)
		}
		var x, y int
		if _, err := fmt.Sscan(m[1], &x); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(m[2], &y); err != nil {
			t.Fatal(err)
		}
		r := [][2]int{{x, y}}
		numbers := regexp.MustCompile(`-?\d+`).FindAllString(m[3], -1)
		for i := 0; i+1 < len(numbers); i += 2 {
			var dx, dy int
			if _, err := fmt.Sscan(numbers[i], &dx); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(numbers[i+1], &dy); err != nil {
				t.Fatal(err)
			}
			x, y = x+dx, y+dy
			r = append(r, [2]int{x, y})
		}
		rings = append(rings, r)
	}
	return rings
}

// has reports whether a place is inside of rings: a line from it to the left crosses them an
// odd number of times.
func has(rings [][][2]int, x, y float64) (inside bool) {
	for _, r := range rings {
		for i := range r {
			x1, y1, x2, y2 := float64(r[i][0]), float64(r[i][1]), float64(r[(i+1)%len(r)][0]), float64(r[(i+1)%len(r)][1])
			if (y1 > y) != (y2 > y) && x > x1+(y-y1)/(y2-y1)*(x2-x1) {
				inside = !inside
			}
		}
	}
	return inside
}

// Each of these cities is in its country and in no other.
func TestCountries_cities(t *testing.T) {
	t.Parallel()
	all := worldmap.Countries()
	for _, city := range []struct {
		code     string
		lon, lat float64
	}{
		{"DE", 10, 51}, {"FR", 2.3, 47.5}, {"US", -98, 39}, {"US", -150, 64}, {"BR", -48, -15}, {"ZA", 25, -30}, {"AU", 134, -24}, {"JP", 138, 36}, {"RU", 38, 56}, {"RU", 100, 60},
		{"IN", 78, 22}, {"CA", -106, 55}, {"NZ", 171, -43.5}, {"IS", -18.5, 65}, {"XK", 20.9, 42.6}, {"CH", 8.2, 46.9}, {"GL", -40, 70}, {"AR", -65, -35}, {"LS", 28.3, -29.5}, {"NL", 5.8, 52.2},
	} {
		x, y := (city.lon-worldmap.West)*worldmap.Scale, (worldmap.North-city.lat)*worldmap.Scale
		var found []string
		for _, c := range all {
			if c.Path != "" && has(points(t, c.Path), x, y) {
				found = append(found, c.Code)
			}
		}
		if len(found) != 1 || found[0] != city.code {
			t.Errorf("at %.1f, %.1f: %v; want %s", city.lon, city.lat, found, city.code)
		}
	}
}

// Codes are there once, and all is on the map; the paths are small.
func TestCountries(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	outlines, size := 0, 0
	for _, c := range worldmap.Countries() {
		if c.Code != "" && (seen[c.Code] || !regexp.MustCompile(`^[A-Z]{2}$`).MatchString(c.Code)) || c.Name == "" {
			t.Errorf("the code or the name of %q %q is wrong or there twice", c.Code, c.Name)
		}
		seen[c.Code] = true
		if c.X <= 0 || c.X >= worldmap.Width || c.Y <= 0 || c.Y >= worldmap.Height {
			t.Errorf("%s is at %d, %d, beside the map", c.Code, c.X, c.Y)
		}
		if c.Path == "" {
			continue
		}
		outlines, size = outlines+1, size+len(c.Path)
		for _, r := range points(t, c.Path) {
			for _, p := range r {
				if p[0] < 0 || p[0] > worldmap.Width || p[1] < 0 || p[1] > worldmap.Height {
					t.Errorf("%s has a corner at %v, beside the map", c.Code, p)
				}
			}
		}
	}
	for _, code := range []string{"SG", "HK", "MT", "LI", "MU"} { // have no outline
		if !seen[code] {
			t.Errorf("no %s", code)
		}
	}
	if outlines < 165 || size > 25_000 {
		t.Errorf("%d outlines of %d bytes; want 165 or more of 25,000 or less", outlines, size)
	}
}
