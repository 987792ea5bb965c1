package netmap

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// labelColours are those of Qubes' trust labels.
var labelColours = map[string]string{"red": "#cc0000", "orange": "#f57900", "yellow": "#edd400", "green": "#73d216", "gray": "#888a85",
	"blue": "#3465a4", "purple": "#75507b", "black": "#2e3436"}

// stateColours are those of the verdicts; each has a sign, too.
var stateColours = map[State]string{Failed: "#cc0000", Unknown: "#b35900", Passed: "#2e7d32", None: "#888a85"}

// SVG writes the map as a picture that is complete in itself.
func (m *Map) SVG(w io.Writer) error {
	d := m.layout()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n",
		d.width, d.height, d.width, d.height)
	fmt.Fprintf(&b, "<title>Qubes behind %s</title>\n", escape(m.Root))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", d.width, d.height)
	d.edges(&b)
	chain := strings.Join(m.Above, " – ")
	if chain != "" {
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#555">%s –</text>`+"\n", margin, d.root.y+25, escape(shorten(chain, 30)))
	}
	writeBox(&b, d.root, "#e8eef7", "#3465a4", m.Root, m.Root, "", "", "")
	for i := range d.exits {
		e := &d.exits[i]
		writeBox(&b, e.box, "#f7f3e8", "#8a6d3b", e.name, e.name, "", "", "")
	}
	for i := range d.qubes {
		d.qubes[i].write(&b, m)
	}
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// edges draws the lines, which are below the boxes: thin for a netvm, thick for a tunnel
// that was seen, dashed for an exit that was not, red for a fail.
func (d *drawing) edges(b *bytes.Buffer) {
	trunk := d.root.x - 18
	for i := range d.qubes {
		q := &d.qubes[i]
		y := q.y + boxHeight/2
		fromX, fromY := trunk, d.root.y+boxHeight/2
		if q.parent >= 0 {
			p := &d.qubes[q.parent]
			fromX, fromY = p.x+p.w, p.y+boxHeight/2
		}
		mid := fromX
		if q.parent >= 0 {
			mid = q.x - 30
		}
		fmt.Fprintf(b, `<path d="M%d %dH%dV%dH%d" fill="none" stroke="#999"/>`+"\n", fromX, fromY, mid, y, q.x)
	}
	fmt.Fprintf(b, `<path d="M%d %dH%d" fill="none" stroke="#999"/>`+"\n", trunk, d.root.y+boxHeight/2, d.root.x)
	for i := range d.exits {
		e := &d.exits[i]
		for _, u := range e.users {
			d.qubes[u].exitEdge(b, e.box)
		}
	}
}

// exitEdge draws the line from a qube to its exit.
func (q *placed) exitEdge(b *bytes.Buffer, to box) {
	width, dash, colour := 1, "", "#555555"
	if q.Exit != "clear" {
		width = 4
	}
	if !q.Seen {
		dash = ` stroke-dasharray="6 4"`
	}
	if q.State == Failed {
		colour = stateColours[Failed]
	}
	x, y := to.x+to.w, to.y+boxHeight/2
	fmt.Fprintf(b, `<path d="M%d %dC%d %d %d %d %d %d" fill="none" stroke="%s" stroke-width="%d" stroke-opacity="0.7"%s/>`+"\n",
		q.x, q.y+boxHeight/2, q.x-35, q.y+boxHeight/2, x+35, y, x, y, colour, width, dash)
}

// write draws a qube.
func (q *placed) write(b *bytes.Buffer, m *Map) {
	second := q.IP
	if q.External != "" {
		second += " → " + q.External
	}
	title := q.Name + " (" + q.Label + ") " + q.IP
	if q.External != "" {
		title += ", seen as " + q.External + " (" + q.How + ", " + age(m.At, q.At) + ")"
	}
	if q.Why != "" {
		title += ": " + q.Why
	}
	fill := "#ffffff"
	if !q.Running {
		fill = "#f2f2f2"
	}
	colour, known := labelColours[q.Label]
	if !known {
		colour = labelColours["gray"]
	}
	writeBox(b, q.box, fill, colour, q.Name, title, second, q.State.Sign(), stateColours[q.State])
}

// maxTitle bounds the text of a box, in characters.
const maxTitle = 22

// writeBox draws a box with a bar in a colour, a title and a second line.
func writeBox(b *bytes.Buffer, at box, fill, colour, title, tip, second, sign, signColour string) {
	fmt.Fprintf(b, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s" stroke="%s"/>`, escape(tip), at.x, at.y, at.w, at.h, fill, colour)
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="6" height="%d" fill="%s"/>`, at.x, at.y, at.h, colour)
	y := at.y + 25
	if second != "" {
		y = at.y + 17
		fmt.Fprintf(b, `<text x="%d" y="%d" font-size="11" fill="#555">%s</text>`, at.x+14, at.y+33, escape(shorten(second, 28)))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#111">%s</text>`, at.x+14, y, escape(shorten(title, maxTitle)))
	if sign != "" {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" font-weight="bold" fill="%s">%s</text>`, at.x+at.w-8, at.y+17, signColour, sign)
	}
	b.WriteString("</g>\n")
}

// escape makes text of others harmless in XML: what is no character there is an escape that
// a reader can see.
func escape(text string) string { return safetext.HTML(text) }

// shorten cuts text to n characters.
func shorten(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}
