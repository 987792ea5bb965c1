package topology

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// JSON writes the Map, the qubes in the order of the tree.
func (m *Map) JSON(w io.Writer) error {
	sorted := *m
	sorted.Qubes = make([]Qube, 0, len(m.Qubes))
	walk(m.Forest(), func(n *Node) { sorted.Qubes = append(sorted.Qubes, *n.Qube) })
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(&sorted); err != nil {
		return fmt.Errorf("writing the map: %w", err)
	}
	return nil
}

// Mermaid writes the Map as a flowchart of Mermaid. Nodes have numbers; names are text.
func (m *Map) Mermaid(w io.Writer) error {
	return m.graph(w, dialect{
		head: "flowchart LR\n", quote: mermaidText, separator: "<br>",
		node: "  n%d[\"%s\"]\n", edge: [...]string{"  n%d --- n%d\n", "  n%d -.- n%d\n", "  n%d === n%d\n", "  n%d x--x n%d\n"},
	})
}

// DOT writes the Map in the language of Graphviz.
func (m *Map) DOT(w io.Writer) error {
	return m.graph(w, dialect{
		head: "graph qubes {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\"];\n", quote: dotText, separator: "\\n", tail: "}\n",
		node: "  n%d [label=\"%s\"];\n", edge: [...]string{"  n%d -- n%d;\n", "  n%d -- n%d [style=dashed];\n", "  n%d -- n%d [penwidth=3];\n",
			"  n%d -- n%d [color=red, label=\"✗\"];\n"},
	})
}

// dialect is a language for graphs.
type dialect struct {
	head, tail string
	quote      func(string) string
	separator  string    // of the lines of a node
	node       string    // number, text
	edge       [4]string // by edgeKind
}

// graph writes the Map in a language.
func (m *Map) graph(w io.Writer, d dialect) error {
	var b strings.Builder
	b.WriteString(d.head)
	count := 0
	add := func(lines ...string) int {
		for i := range lines {
			lines[i] = d.quote(lines[i])
		}
		fmt.Fprintf(&b, d.node, count, strings.Join(lines, d.separator))
		count++
		return count - 1
	}
	before := -1
	for _, name := range append(append([]string{}, m.Upstream...), m.Host) {
		at := add(text(name))
		if before >= 0 {
			fmt.Fprintf(&b, d.edge[edgePlain], before, at)
		}
		before = at
	}
	var below func(parent int, nodes []*Node)
	below = func(parent int, nodes []*Node) {
		for _, n := range nodes {
			at := add(m.caption(n.Qube)...)
			fmt.Fprintf(&b, d.edge[edgeOf(n)], parent, at)
			below(at, n.Children)
		}
	}
	below(before, m.Forest())
	b.WriteString(d.tail)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the map: %w", err)
	}
	return nil
}

// caption returns the lines of a qube's box.
func (m *Map) caption(q *Qube) []string {
	lines := []string{strings.TrimSpace(dash(q.Name) + " " + q.Mark.Sign())}
	facts := text(q.Label)
	if len(q.Addrs) > 0 {
		facts += " " + q.addresses()
	}
	if facts != "" {
		lines = append(lines, strings.TrimSpace(facts))
	}
	if e := strings.TrimSpace(strings.Join([]string{text(q.Exit.Kind), q.Exit.way()}, " ")); e != "" {
		lines = append(lines, e)
	}
	if e := q.external(m.At); e != "" {
		lines = append(lines, e)
	}
	return lines
}

// edgeKind says how the line to a qube is drawn.
type edgeKind uint8

const (
	edgePlain  edgeKind = iota
	edgeQuiet           // nothing was seen
	edgeTunnel          // a tunnel was seen
	edgeFail
)

// String returns the word for a kind of line.
func (k edgeKind) String() string { return [...]string{"plain", "quiet", "tunnel", "fail"}[k] }

// edgeOf returns how the line from a qube to its netvm is drawn. What is behind a client
// cannot be seen one by one, so its lines say nothing of traffic.
func edgeOf(n *Node) edgeKind {
	switch {
	case n.Mark == Fail:
		return edgeFail
	case n.Exit.Seen == SeenTunnel:
		return edgeTunnel
	case n.Exit.Seen == SeenNothing && n.depth == 0:
		return edgeQuiet
	}
	return edgePlain
}

// mermaidText writes all but plain characters as codes of Mermaid.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && (r == ' ' || r == '_' || r == '.' || r == ':' || r == '-' || r == ',' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z') {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

// dotText escapes what ends a string of DOT, or what its labels would expand.
func dotText(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }
