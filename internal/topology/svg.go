package topology

import (
	"fmt"
	"io"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// SVG writes the Map as a picture: one file without scripts, fonts, styles or links, which
// a page can have inline, too. Text and lines have the colour of the page around them.
func (m *Map) SVG(w io.Writer) error {
	boxes, width, height := m.Place()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" `+
		`font-family="monospace" font-size="12" fill="currentColor" stroke="none">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>How qubes reach the network, seen from %s</title>\n", safetext.HTML(text(m.Host)))
	for i := range boxes {
		if boxes[i].parent >= 0 {
			drawEdge(&b, &boxes[boxes[i].parent], &boxes[i])
		}
	}
	for i := range boxes {
		drawBox(&b, &boxes[i])
	}
	b.WriteString("</svg>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// drawEdge draws the line between two boxes, whichever is on the left.
func drawEdge(b *strings.Builder, from, to *Box) {
	if from.X > to.X {
		from, to = to, from
	}
	x1, y1, x2, y2 := from.X+from.W, from.Y+from.H/2, to.X, to.Y+to.H/2
	middle := (x1 + x2) / 2
	look := [...]string{`stroke="currentColor" stroke-width="1"`, `stroke="currentColor" stroke-width="1" stroke-dasharray="4 4"`,
		`stroke="currentColor" stroke-width="4"`, `stroke="#cc0000" stroke-width="3"`}[to.kind]
	fmt.Fprintf(b, `<path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f" fill="none" %s/>`+"\n", x1, y1, middle, y1, middle, y2, x2, y2, look)
}

// drawBox draws a box with its text. The full text is in its title.
func drawBox(b *strings.Builder, box *Box) {
	b.WriteString("<g><title>")
	b.WriteString(safetext.HTML(strings.Join(box.Lines, "; ")))
	if box.qube != nil {
		fmt.Fprintf(b, "; %s", safetext.HTML(box.qube.about()))
	}
	b.WriteString("</title>\n")
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="4" fill="none" stroke="currentColor"/>`+"\n", box.X, box.Y, box.W, box.H)
	if box.qube != nil {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="6" height="%.1f" fill="%s" stroke="currentColor" stroke-width="0.5"/>`+"\n",
			box.X, box.Y, box.H, qube.LabelColor(box.qube.Label))
	}
	for i, l := range box.Lines {
		weight := ""
		if i == 0 {
			weight = ` font-weight="bold"`
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f"%s>%s</text>`+"\n", box.X+padding+4, box.Y+padding+lineHeight*float64(i)+12, weight, safetext.HTML(l))
	}
	b.WriteString("</g>\n")
}

// about returns the rest of what is known of a qube, for a title.
func (q *Qube) about() string {
	parts := []string{"class " + dash(q.Class), "netvm " + dash(q.Netvm), "vif " + dash(q.Vif)}
	if q.Mark != None {
		parts = append(parts, "verdict: "+q.verdict())
	}
	if q.State != "" {
		parts = append(parts, text(q.State))
	}
	return strings.Join(parts, ", ")
}
