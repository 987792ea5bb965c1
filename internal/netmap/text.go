package netmap

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Painter returns text in the colour of a trust label; nil for none.
type Painter func(label, text string) string

// Text writes the map as a tree.
func (m *Map) Text(w io.Writer, paint Painter) error {
	if paint == nil {
		paint = func(_, text string) string { return text }
	}
	chain := strings.Join(append(append([]string(nil), m.Above...), m.Root), " ─ ")
	if _, err := fmt.Fprintln(w, safetext.Line(chain)); err != nil {
		return err
	}
	return writeTree(w, m, m.forest(), "", paint)
}

// writeTree writes the rows of one level, and below each those of its children.
func writeTree(w io.Writer, m *Map, list []*node, indent string, paint Painter) error {
	for i, n := range list {
		branch, below := "├─ ", "│  "
		if i == len(list)-1 {
			branch, below = "└─ ", "   "
		}
		name := safetext.Line(n.Name)
		pad := strings.Repeat(" ", max(0, 24-len([]rune(indent+branch+name))))
		row := indent + branch + paint(n.Label, name) + pad + "  " + n.State.Sign() + "  " + n.details(m)
		if _, err := fmt.Fprintln(w, strings.TrimRight(row, " ")); err != nil {
			return err
		}
		if err := writeTree(w, m, n.children, indent+below, paint); err != nil {
			return err
		}
	}
	return nil
}

// details returns what stands behind the name.
func (n *node) details(m *Map) string {
	words := []string{fmt.Sprintf("%-8s", safetext.Line(n.Label)), fmt.Sprintf("%-15s", safetext.Line(n.IP))}
	switch exit := n.exitOf(); {
	case exit == "" && n.depth == 1 && n.Exit == "":
		words = append(words, "-")
	case exit == "":
		words = append(words, safetext.Line(n.Exit))
	case n.Exit == "clear":
		words = append(words, "clear")
	default:
		words = append(words, "══ "+safetext.Line(exit)+" ══▶")
	}
	if n.External != "" {
		words = append(words, safetext.Line(n.External), "("+safetext.Line(n.How)+", "+age(m.At, n.At)+")")
	}
	if n.Why != "" {
		words = append(words, safetext.Line(n.Why))
	}
	return strings.Join(words, "  ")
}

// Table writes the map as a table with one qube per line.
func (m *Map) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "VM\tINTERNAL IP\tNETVM\tEXIT\tEXTERNAL IP\tHOW KNOWN\tAGE\tVERDICT")
	walk(m.forest(), func(n *node) {
		exit := n.exitOf()
		if exit == "" {
			exit = dash(n.Exit)
		}
		at := "-"
		if n.External != "" {
			at = age(m.At, n.At)
		}
		verdict := string(n.State)
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", safetext.Line(n.Name), dash(n.IP), dash(n.NetVM), safetext.Line(exit), dash(n.External), dash(n.How), at, dash(verdict))
	})
	return t.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return safetext.Line(text)
}

// age returns how long ago something was, in one unit.
func age(now, at time.Time) string {
	switch d := now.Sub(at); {
	case at.IsZero():
		return "age unknown"
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
