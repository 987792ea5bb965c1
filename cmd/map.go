package cmd

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/topology"
)

// mapCommand draws how the qubes reach the network.
func mapCommand(root string) *cobra.Command {
	var form mapForm
	v := &verifier{root: root}
	host := ""
	c := usageExit(&cobra.Command{
		Use: "map", Args: cobra.NoArgs, Short: "Show how the qubes reach the network",
		Long: "Draws the qubes of the inventory behind this one, each with its netvm, its addresses and where its traffic\n" +
			"leaves. Exits and verdicts are those of the running beat (verify.enabled), or of a capture file with -I. --table is\n" +
			"the same as a list, --svg a picture for a browser.",
		RunE: func(c *cobra.Command, _ []string) error { return printError(c, drawMap(c, v, host, &form)) },
	})
	v.flags(c)
	f := c.Flags()
	f.StringVarP(&v.file, "file", "I", "", "read this capture `file` instead of asking the running beat")
	f.BoolVar(&form.table, "table", false, "print a table: who leaves under which address")
	f.BoolVar(&form.svg, "svg", false, "print a picture, one file without scripts or links")
	f.BoolVar(&form.mermaid, "mermaid", false, "print a flowchart of Mermaid")
	f.BoolVar(&form.dot, "dot", false, "print a graph of Graphviz")
	f.BoolVar(&form.json, "json", false, "print JSON")
	f.StringVar(&host, "host", "", "the qube that looks, by default this one")
	return c
}

// mapForm is how a map is printed; as a tree if nothing is set.
type mapForm struct{ table, svg, mermaid, dot, json bool }

// count returns how many forms are chosen.
func (f *mapForm) count() (n int) {
	for _, on := range []bool{f.table, f.svg, f.mermaid, f.dot, f.json} {
		if on {
			n++
		}
	}
	return n
}

// write writes a map.
func (f *mapForm) write(m *topology.Map, w io.Writer) error {
	switch {
	case f.table:
		return m.Table(w)
	case f.svg:
		return m.SVG(w)
	case f.mermaid:
		return m.Mermaid(w)
	case f.dot:
		return m.DOT(w)
	case f.json:
		return m.JSON(w)
	}
	return m.Text(w, mapStyle())
}

// mapStyle returns what this terminal can show.
func mapStyle() topology.Style {
	s := topology.Style{ASCII: !strings.Contains(strings.ToUpper(locale()), "UTF")}
	if wantsColour() {
		s.Paint = report.Colour
	}
	return s
}

// locale returns the setting that decides about characters (POSIX, "Environment Variables").
func locale() string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "UTF-8" // not set, as in a unit
}

func drawMap(c *cobra.Command, v *verifier, host string, form *mapForm) error {
	if form.count() > 1 {
		return usageError(c, "choose one of --table, --svg, --mermaid, --dot and --json")
	}
	view, fault := v.view(c.Context())
	switch {
	case v.file != "" && view == nil:
		return fault
	case v.file == "" && fault != nil: // the beat does not run, or does not verify
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: the map has no verdicts: %v\n", fault)
		fault = nil
	}
	m, err := readMap(v.root, cmp.Or(host, commonNetvm(view)))
	if err != nil {
		return err
	}
	if view != nil {
		addView(m, view)
	}
	return cmp.Or(form.write(m, c.OutOrStdout()), withExit(exitSome, fault))
}

// readMap returns the map of the inventory that the beat reads.
func readMap(root, host string) (*topology.Map, error) {
	conf, err := beater.ReadConfig(root)
	if err != nil {
		return nil, err
	}
	path := inventoryFile(conf)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; the map is drawn from the inventory, which dom0 pushes (qubesbeat-inventory)", err)
	}
	defer file.Close()
	s, err := inventory.Parse(file, inventory.Config{Fields: conf.Inventory.Fields})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return mapOf(s, cmp.Or(host, ownQube(s)), time.Now()), nil
}

// ownQube returns the name of the qube that this is: the one with an address of this
// machine, else what the machine is called.
func ownQube(s *inventory.Snapshot) string {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		for i := range s.Qubes {
			if q := &s.Qubes[i]; q.Owns(p.Addr()) {
				return q.Name
			}
		}
	}
	name, _ := os.Hostname()
	return cmp.Or(selfName(), name, "this qube")
}

// mapOf returns the map of an inventory, seen from host: of the qubes that have a network.
func mapOf(s *inventory.Snapshot, host string, now time.Time) *topology.Map {
	m := &topology.Map{Host: host, At: now}
	for i := range s.Upstream {
		m.Upstream = append(m.Upstream, s.Upstream[i].Name)
	}
	for i := range s.Qubes {
		if q := &s.Qubes[i]; q.Class != qube.ClassAdmin && (q.NetVM != "" || q.ProvidesNetwork) {
			m.Qubes = append(m.Qubes, mapQube(q))
		}
	}
	m.Center()
	return m
}

func mapQube(q *qube.Qube) topology.Qube {
	t := topology.Qube{Name: q.Name, Label: q.Label, Class: q.Class, State: q.State, Netvm: q.NetVM, Exit: topology.Exit{Kind: q.Exit}}
	if q.XID >= 0 {
		t.Vif = vifCell(q)
	}
	if q.IP.IsValid() {
		t.Addrs = append(t.Addrs, q.IP)
	}
	if q.IP6.IsValid() {
		t.Addrs = append(t.Addrs, q.IP6)
	}
	return t
}
