package netmap

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// graph has the parts of a map that languages of graphs need: identifiers for nodes, and
// edges.
type graph struct {
	ids   map[string]string
	names []string
	edges []edge
}

type edge struct{ from, to, style string }

func (m *Map) graph() *graph {
	g := &graph{ids: map[string]string{}}
	root := g.id("q " + m.Root)
	list := m.forest()
	walk(list, func(n *node) {
		at := g.id("q " + n.Name)
		if n.depth == 1 {
			g.edges = append(g.edges, edge{root, at, "netvm"})
		}
		for _, c := range n.children {
			g.edges = append(g.edges, edge{at, g.id("q " + c.Name), "netvm"})
		}
		if name := n.exitOf(); name != "" {
			style := "exit"
			if n.State == Failed {
				style = "fail"
			}
			g.edges = append(g.edges, edge{at, g.id("x " + name), style})
		}
	})
	return g
}

// id returns the identifier of a node: names are of others, and no language takes them all.
func (g *graph) id(key string) string {
	if id := g.ids[key]; id != "" {
		return id
	}
	id := fmt.Sprintf("n%d", len(g.names)+1)
	g.ids[key] = id
	g.names = append(g.names, key[2:])
	return id
}

// Mermaid writes the map in the language of Mermaid.
func (m *Map) Mermaid(w io.Writer) error {
	g := m.graph()
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, name := range g.names {
		fmt.Fprintf(&b, "    n%d[%q]\n", i+1, mermaidText(name))
	}
	arrows := map[string]string{"netvm": "---", "exit": "==>", "fail": "-. fail .->"}
	for _, e := range g.edges {
		fmt.Fprintf(&b, "    %s %s %s\n", e.from, arrows[e.style], e.to)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText leaves nothing of a name that Mermaid would read.
func mermaidText(name string) string {
	return strings.NewReplacer(`"`, "#quot;", "`", "#96;", `\`, "#92;").Replace(safetext.HTML(name))
}

// DOT writes the map in the language of Graphviz.
func (m *Map) DOT(w io.Writer) error {
	g := m.graph()
	var b strings.Builder
	b.WriteString("digraph qubes {\n    rankdir=LR;\n    node [shape=box];\n")
	for i, name := range g.names {
		fmt.Fprintf(&b, "    n%d [label=\"%s\"];\n", i+1, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(safetext.Line(name)))
	}
	styles := map[string]string{"netvm": "dir=none", "exit": "penwidth=3", "fail": "penwidth=3 color=red label=fail"}
	for _, e := range g.edges {
		fmt.Fprintf(&b, "    %s -> %s [%s];\n", e.from, e.to, styles[e.style])
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the map as JSON.
func (m *Map) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(m)
}
