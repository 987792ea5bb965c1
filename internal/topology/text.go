package topology

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style says how a terminal can show a Map.
type Style struct {
	// Paint returns a text in the colour of a label. It may be nil.
	Paint func(label, text string) string
	// ASCII has lines drawn with + and -, for a console without UTF-8.
	ASCII bool
}

// glyphs are the characters of a tree: the branch to a client, to the last one, and what is below either.
type glyphs struct{ branch, last, under, space, chain, dot, tunnel, arrow string }

var (
	lines = glyphs{"├─ ", "└─ ", "│  ", "   ", " ─ ", "●", "══ ", " ══▶"}
	ascii = glyphs{"+- ", "`- ", "|  ", "   ", " - ", "*", "== ", " ==>"}
)

// Text writes the Map as a tree.
func (m *Map) Text(w io.Writer, s Style) error {
	g := lines
	if s.ASCII {
		g = ascii
	}
	t := tree{glyphs: g, paint: s.Paint, m: m}
	t.collect(m.Forest(), "")
	return t.write(w)
}

// tree collects the rows of a Map.
type tree struct {
	glyphs
	paint func(label, text string) string
	m     *Map
	rows  []row
}

// row is a line of the tree.
type row struct {
	prefix     string // what draws the branches
	name       string
	label      string
	addr, exit string
	verdict    string
}

func (t *tree) collect(nodes []*Node, under string) {
	for i, n := range nodes {
		branch, below := t.branch, t.under
		if i == len(nodes)-1 {
			branch, below = t.last, t.space
		}
		t.rows = append(t.rows, row{prefix: under + branch, name: dash(n.Name), label: dash(n.Label), addr: n.addresses(),
			exit: t.exit(n.Qube), verdict: n.verdict()})
		t.collect(n.Children, under+below)
	}
}

// exit returns how a qube leaves, as the last part of its row.
func (t *tree) exit(q *Qube) string {
	var parts []string
	switch way := q.Exit.way(); {
	case way != "":
		parts = append(parts, t.tunnel+way+t.arrow)
	case q.Exit.Kind != "":
		parts = append(parts, text(q.Exit.Kind))
	}
	if e := q.external(t.m.At); e != "" {
		parts = append(parts, e)
	}
	if q.Halted() {
		parts = append(parts, "halted")
	}
	return strings.Join(parts, " ")
}

func (t *tree) write(w io.Writer) error {
	if _, err := fmt.Fprintln(w, t.head()); err != nil {
		return fmt.Errorf("writing the map: %w", err)
	}
	name, label, addr, exit := 0, 0, 0, 0
	for _, r := range t.rows {
		name = max(name, width(r.prefix)+width(r.name))
		label, addr, exit = max(label, width(r.label)), max(addr, width(r.addr)), max(exit, width(r.exit))
	}
	for _, r := range t.rows {
		line := r.prefix + t.coloured(r.label, r.name) + pad(name-width(r.prefix)-width(r.name)) + "  " +
			t.coloured(r.label, t.dot+" "+r.label) + pad(label-width(r.label)) + "  " + r.addr + pad(addr-width(r.addr))
		if exit > 0 {
			line += "  " + r.exit + pad(exit-width(r.exit))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line+"  "+r.verdict, " ")); err != nil {
			return fmt.Errorf("writing the map: %w", err)
		}
	}
	if n := t.m.Elsewhere; n > 0 {
		if _, err := fmt.Fprintf(w, "not behind %s: %d qubes\n", text(t.m.Host), n); err != nil {
			return fmt.Errorf("writing the map: %w", err)
		}
	}
	return nil
}

// head returns the chain from the outside to the host.
func (t *tree) head() string {
	chain := make([]string, 0, len(t.m.Upstream)+1)
	for _, name := range t.m.Upstream {
		chain = append(chain, text(name))
	}
	return strings.Join(append(chain, text(t.m.Host)), t.chain)
}

func (t *tree) coloured(label, s string) string {
	if t.paint == nil {
		return s
	}
	return t.paint(label, s)
}

func width(s string) int { return utf8.RuneCountInString(s) }

func pad(n int) string { return strings.Repeat(" ", max(0, n)) }
