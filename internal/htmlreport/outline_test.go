package htmlreport_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// abroad is a flow of a qube to a country.
func abroad(name, code string, bytes int) string {
	address := fmt.Sprintf("2001:db8::%x:%x", code[0], code[1]) // of one country
	return fmt.Sprintf(`{"@timestamp":"2026-11-21T20:59:00Z","host":{"name":"sys-log"},"event":{"dataset":"flow"},"flow":{"final":true},"source":{"bytes":%d},`+
		`"destination":{"ip":%q,"geo":{"country_iso_code":%q},"bytes":0},"qube":{"name":%q,"label":"green"}}`+"\n", bytes, address, code, name)
}

// signs returns the texts of the outline of the world, and the classes of its countries.
func signs(page string) (texts, classes string) {
	_, page, _ = strings.Cut(page, `<svg class="world"`)
	page, _, _ = strings.Cut(page, "</svg>")
	for _, m := range regexp.MustCompile(`<text [^>]*>([^<]*)</text>`).FindAllStringSubmatch(page, -1) {
		texts += m[1] + " "
	}
	for _, m := range regexp.MustCompile(`<path class="(\w+)"`).FindAllStringSubmatch(page, -1) {
		classes += m[1] + " "
	}
	return texts, classes
}

// Countries have the shade of their bytes, of all qubes together, and their code; Singapore
// is too small for an outline, and has a square. Codes of no country are in the table alone.
func TestWrite_countries(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, abroad("work", "US", 600)+abroad("bank", "US", 400)+abroad("work", "SG", 300)+abroad("work", "DE", 10)+abroad("work", "ZZ", 5)+abroad("work", "<b>", 4)))
	check(t, text)
	texts, classes := signs(text)
	if diff := cmp.Diff([]string{"US SG DE ", "land h5 h2 h1 "}, []string{texts, classes}); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, `<path class="h2" d="M1130 325h12v12h-12z"/>`) {
		t.Error("Singapore has no square")
	}
	_, table, _ := strings.Cut(text, `<h2 id="egress">`)
	table, _, _ = strings.Cut(table, "<h3>By qube")
	if strings.Contains(table, "&lt;b") {
		t.Error("a text that is no code is a country")
	}
	for _, want := range []string{">US</", ">United States of America</", `<td class="n h5">1.00 kB</td>`, ">Singapore</", `<td class="n h2">300 B</td>`, ">ZZ</"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no %s", want)
		}
	}
}

// Signs are not in each other's way: what has no room is in the table.
func TestWrite_countries_signs(t *testing.T) {
	t.Parallel()
	var events strings.Builder
	codes := strings.Fields("DE FR NL BE LU CH AT LI CZ SK HU SI HR BA RS XK ME MK AL BG RO MD PL DK SE NO FI EE LV LT IT SM VA MC AD ES PT GB IE IM JE GG")
	for i, code := range codes {
		events.WriteString(abroad("work", code, 1000-i))
	}
	text := page(t, read(t, events.String()))
	_, svg, _ := strings.Cut(text, `<svg class="world"`)
	svg, _, _ = strings.Cut(svg, "</svg>")
	var placed [][2]int
	for _, m := range regexp.MustCompile(`<text x="(\d+)" y="(\d+)">`).FindAllStringSubmatch(svg, -1) {
		var p [2]int
		if _, err := fmt.Sscan(m[1]+" "+m[2], &p[0], &p[1]); err != nil {
			t.Fatal(err)
		}
		for _, o := range placed {
			if dx, dy := p[0]-o[0], p[1]-o[1]; dx > -20 && dx < 20 && dy > -16 && dy < 16 { // two letters of 16 px
				t.Errorf("signs at %v and %v overlap", p, o)
			}
		}
		placed = append(placed, p)
	}
	if len(placed) < 25 {
		t.Errorf("%d of %d countries have a sign", len(placed), len(codes))
	}
}

// Without a country there is no outline.
func TestWrite_countries_none(t *testing.T) {
	t.Parallel()
	if text := page(t, read(t, flow("sys-log", "work", "sys-log", ""))); strings.Contains(text, `class="world"`) || strings.Contains(text, "By qube") {
		t.Error("an outline of nothing")
	}
}
