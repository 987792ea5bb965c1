package cmd

import (
	"cmp"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/netmap"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/report"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// mapForms are the forms of the map, by the name of their flag.
var mapForms = []struct{ name, about string }{
	{"table", "a table with one qube per line"}, {"svg", "a picture that is complete in itself"}, {"mermaid", "in the language of Mermaid"},
	{"dot", "in the language of Graphviz"}, {"json", "as JSON"},
}

// mapCommand draws the qubes behind this one.
func mapCommand(root string) *cobra.Command {
	v := &verifier{root: root}
	chosen := make([]bool, len(mapForms))
	c := usageExit(&cobra.Command{
		Use: "map", Short: "Draw the qubes behind this one, their exits, and what was found out about them", Args: cobra.NoArgs,
		Long: "Names and netvms are those of the inventory. Exits and verdicts are those of the running beat (verify.enabled), or of\n" +
			"a capture file with -I; without either, the map has none.",
		RunE: func(c *cobra.Command, _ []string) error {
			form := ""
			for i := range chosen {
				if chosen[i] {
					form = mapForms[i].name
				}
			}
			view, err := v.view(c.Context())
			if err != nil && v.file != "" {
				return printError(c, err)
			}
			return printError(c, drawMap(c.OutOrStdout(), makeMap(v.behind(), view, time.Now()), form))
		},
	})
	v.flags(c)
	c.Flags().StringVarP(&v.file, "file", "I", "", "read this capture `file` instead of asking the running beat")
	var names []string
	for i, f := range mapForms {
		c.Flags().BoolVar(&chosen[i], f.name, false, f.about)
		names = append(names, f.name)
	}
	c.MarkFlagsMutuallyExclusive(names...)
	return c
}

// drawMap writes the map in a form, "" for the tree.
func drawMap(w io.Writer, m *netmap.Map, form string) error {
	switch form {
	case "table":
		return m.Table(w)
	case "svg":
		return m.SVG(w)
	case "mermaid":
		return m.Mermaid(w)
	case "dot":
		return m.DOT(w)
	case "json":
		return m.JSON(w)
	}
	if wantsColour() {
		return m.Text(os.Stdout, report.Colour)
	}
	return m.Text(w, nil)
}

// makeMap returns the map of an inventory and what was seen. Either may be nil.
func makeMap(index *inventory.Index, view *judge.View, now time.Time) *netmap.Map {
	m := &netmap.Map{Root: cmp.Or(selfName(), commonNetVM(view), "this machine"), At: now.UTC()}
	m.Above = above(index, m.Root)
	seen := map[string]*judge.QubeView{}
	if view != nil {
		m.At = view.At
		for i := range view.Qubes {
			seen[view.Qubes[i].Name] = &view.Qubes[i]
		}
	}
	for _, q := range index.All() {
		if q.Name == m.Root || q.Class == qube.ClassTemplate || q.Class == qube.ClassAdmin || slices.Contains(m.Above, q.Name) {
			continue
		}
		one := netmap.Qube{Name: q.Name, Label: q.Label, NetVM: q.NetVM, Running: q.XID >= 0, Exit: q.Exit}
		if q.IP.IsValid() {
			one.IP = q.IP.String()
		}
		if s := seen[q.Name]; s != nil {
			addSeen(&one, s, view)
			delete(seen, q.Name)
		}
		m.Qubes = append(m.Qubes, one)
	}
	if view == nil {
		return m
	}
	for i := range view.Qubes { // what the inventory does not have
		if s := &view.Qubes[i]; seen[s.Name] != nil {
			one := netmap.Qube{Name: s.Name, Label: s.Label, IP: s.IP, NetVM: s.NetVM, Running: true}
			addSeen(&one, s, view)
			m.Qubes = append(m.Qubes, one)
		}
	}
	return m
}

// commonNetVM returns the netvm of the qubes that were seen, which is this machine; "" if
// they do not agree.
func commonNetVM(view *judge.View) (name string) {
	if view == nil {
		return ""
	}
	for i := range view.Qubes {
		q := &view.Qubes[i]
		if q.NetVM == "" || name != "" && q.NetVM != name {
			return ""
		}
		name = q.NetVM
	}
	return name
}

// above returns the netvms between the outside and a qube, the outermost first, as far as
// the inventory has them.
func above(index *inventory.Index, name string) (list []string) {
	for q := index.ByName(name); q != nil && q.NetVM != "" && !slices.Contains(list, q.NetVM); q = index.ByName(q.NetVM) {
		list = append(list, q.NetVM)
	}
	slices.Reverse(list)
	return list
}

// seenLately is for how long after its last packet an exit counts as seen.
const seenLately = 15 * time.Minute

// addSeen adds what was seen of a qube.
func addSeen(q *netmap.Qube, s *judge.QubeView, view *judge.View) {
	q.Vif, q.Running = s.Vif, true
	q.Exit = cmp.Or(s.Exit, q.Exit)
	if len(s.Endpoints) > 0 {
		q.Endpoint = strings.Join(s.Endpoints[:1], "")
	}
	q.Seen = !s.LastAt.IsZero() && view.At.Sub(s.LastAt) < seenLately
	for i := range view.Verdicts {
		l := &view.Verdicts[i]
		if l.Subject != q.Name {
			continue
		}
		switch {
		case l.Verdict == judge.Fail.String():
			if q.State != netmap.Failed {
				q.State, q.Why = netmap.Failed, l.Check+" "+l.Name
			}
		case q.State == netmap.Failed:
		case l.Verdict == judge.Pass.String() && !l.Stale && q.State == netmap.None:
			q.State = netmap.Passed
		case !isQuiet(l) && l.Verdict != judge.Pass.String() || l.Stale:
			q.State = netmap.Unknown
		}
	}
}
