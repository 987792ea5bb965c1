package topology

import (
	"fmt"
	"io"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// SVG writes the Map as a picture: one file without scripts, fonts, styles or links, which
// a page can have inline, too. It has a light ground of its own, to be read on dark pages.
func (m *Map) SVG(w io.Writer) error {
	p := m.Picture()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" `+
		`font-family="monospace" font-size="12" color="#111" fill="currentColor" stroke="none">`+"\n", p.Width, p.Height, p.Width, p.Height)
	fmt.Fprintf(&b, "<title>How qubes reach the network, seen from %s</title>\n", safetext.HTML(text(m.Host)))
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", p.Width, p.Height)
	for i := range p.Edges {
		e := &p.Edges[i]
		look := map[string]string{"plain": `stroke="currentColor" stroke-width="1"`, "quiet": `stroke="currentColor" stroke-width="1" stroke-dasharray="4 4"`,
			"tunnel": `stroke="currentColor" stroke-width="4"`, "fail": `stroke="#cc0000" stroke-width="3"`}[e.Kind]
		fmt.Fprintf(&b, `<path d="%s" fill="none" %s/>`+"\n", e.Data, look)
	}
	for i := range p.Boxes {
		drawBox(&b, &p.Boxes[i])
	}
	b.WriteString("</svg>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
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
	if box.IsQube() {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="6" height="%.1f" fill="%s" stroke="currentColor" stroke-width="0.5"/>`+"\n",
			box.X, box.Y, box.H, qube.LabelColor(box.Label()))
	}
	for i, t := range box.Texts() {
		weight := ""
		if i == 0 {
			weight = ` font-weight="bold"`
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f"%s>%s</text>`+"\n", t.X, t.Y, weight, safetext.HTML(t.Text))
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
