package htmlreport

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/topology"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// Network is the forest of qubes behind one machine.
type Network struct {
	ID      int // of its part of the page
	Host    Cell
	Sums    []string
	Fails   string // how many qubes fail a check, "" if none does
	Trees   []*Tree
	Picture *topology.Picture // nil if it would be too large to look at
}

// Tree is a qube with those that it provides with network.
type Tree struct {
	Cell     Cell
	Label    string
	Out, In  string // "" if no event is about the qube itself
	Exit     string // how it is meant to leave, "" if nothing is expected
	Verdict  string // "" if there is none
	Bad      bool
	Children []*Tree
}

// maxPicture is how many qubes a picture has.
const maxPicture = 40

// networks returns the forest of each machine, in the order of their names: the same that
// `qubesbeat map` draws, from what the events say.
func (b *builder) networks() (all []Network) {
	hosts, drawn := byHost(b.all), byHost(b.inTrees())
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		m := b.mapOf(name, drawn[name])
		n := Network{ID: len(all) + 1, Host: text(name), Sums: machineSums(hosts[name]), Fails: b.fails(hosts[name]), Trees: b.trees(m.Forest(), drawn[name])}
		if m.Host != name {
			n.Host.Text += " (" + text(m.Host).Text + ")"
		}
		if len(m.Qubes) <= maxPicture {
			n.Picture = m.Picture()
		}
		all = append(all, n)
	}
	return all
}

// byHost returns the qubes that have a name, by machine.
func byHost(qubes []*analysis.Qube) map[string][]*analysis.Qube {
	hosts := map[string][]*analysis.Qube{}
	for _, q := range qubes {
		if q.Name != "" && !q.Others {
			hosts[q.Host] = append(hosts[q.Host], q)
		}
	}
	return hosts
}

// machineSums says in numbers what the qubes of a machine did.
func machineSums(qubes []*analysis.Qube) []string {
	var sum analysis.Traffic
	refused, alerts := uint64(0), uint64(0)
	for _, q := range qubes {
		sum.Flows, sum.Out, sum.In = sum.Flows+q.Flows, sum.Out+q.Out, sum.In+q.In
		refused, alerts = refused+q.Refused, alerts+q.Alerts
	}
	sums := []string{report.Counted(uint64(len(qubes)), "qube"), report.Counted(sum.Flows, "flow"), report.Size(sum.Out) + " out", report.Size(sum.In) + " in"}
	if refused > 0 {
		sums = append(sums, report.Counted(refused, "refused packet"))
	}
	if alerts > 0 {
		sums = append(sums, report.Counted(alerts, "alert"))
	}
	return sums
}

// fails says how many qubes fail a check.
func (b *builder) fails(qubes []*analysis.Qube) string {
	n := uint64(0)
	for _, q := range qubes {
		if b.isFailing(q) {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 qube fails a check"
	}
	return report.Count(n) + " qubes fail a check"
}

// inTrees returns the qubes in the forests: as many as the table of all qubes has, and all
// that provide network to others or are behind such a one, are expected to leave in some way,
// or deserve a look.
func (b *builder) inTrees() []*analysis.Qube {
	left := len(b.all)
	if b.top >= 0 {
		left = 8 * b.top
	}
	linked := map[[2]string]bool{} // by host and name
	for _, q := range b.all {
		for _, name := range append(slices.Clone(q.Clients), q.NetVM) {
			linked[[2]string{q.Host, name}] = true
		}
	}
	var list []*analysis.Qube
	for _, q := range b.all {
		if left--; left >= 0 || b.deservesLook(q) || len(q.Clients) > 0 || q.Exit.Kind != "" || linked[[2]string{q.Host, q.Name}] {
			list = append(list, q)
		}
	}
	return list
}

// mapOf returns the map of the qubes of a machine.
func (b *builder) mapOf(host string, qubes []*analysis.Qube) *topology.Map {
	m := &topology.Map{Host: host, At: b.Last}
	known := map[string]bool{}
	add := func(q topology.Qube) {
		if !known[q.Name] {
			known[q.Name] = true
			m.Qubes = append(m.Qubes, q)
		}
	}
	for _, q := range qubes {
		add(b.mapQube(q))
	}
	for _, q := range qubes {
		for _, client := range q.Clients {
			add(topology.Qube{Name: client, Netvm: q.Name})
		}
	}
	// The machine may have another name than the qube that it is.
	var above []string
	for _, q := range qubes {
		if q.NetVM != "" && !known[q.NetVM] && !slices.Contains(above, q.NetVM) {
			above = append(above, q.NetVM)
		}
	}
	if len(above) == 1 {
		m.Host = above[0]
		return m
	}
	for _, name := range above {
		if name != host {
			add(topology.Qube{Name: name})
		}
	}
	return m
}

func (b *builder) mapQube(q *analysis.Qube) topology.Qube {
	t := topology.Qube{Name: q.Name, Label: q.Label, Class: q.Class, Netvm: q.NetVM, Vif: q.VIF,
		Exit: topology.Exit{Kind: q.Exit.Kind, Protocol: q.Exit.Protocol, Endpoint: q.Exit.Endpoint}}
	if a, err := netip.ParseAddr(q.IP); err == nil {
		t.Addrs = append(t.Addrs, a)
	}
	if q.Flows > 0 {
		t.Exit.Seen = topology.SeenTraffic
		if q.Exit.Protocol != "" {
			t.Exit.Seen = topology.SeenTunnel
		}
	}
	for _, v := range b.judged[q] {
		t.Judge(markOf(v), v.Check)
	}
	return t
}

// markOf returns the mark of a verdict.
func markOf(v *analysis.Verdict) topology.Mark {
	quiet := v.Verdict == verify.NotTested.String() || v.Why == verify.NoTraffic.String() || v.Why == verify.NoRulesRead.String()
	return topology.MarkOf(v.Verdict, v.State == "stale", quiet)
}

// trees returns the forest for the page. Qubes of one name are one.
func (b *builder) trees(nodes []*topology.Node, qubes []*analysis.Qube) (all []*Tree) {
	for _, n := range nodes {
		t := &Tree{Cell: text(n.Name), Label: safetext.Line(n.Label), Exit: exitText(&n.Exit), Verdict: verdictText(n.Qube), Bad: n.Mark == topology.Fail}
		var sum analysis.Traffic
		for _, q := range qubes {
			if q.Name != n.Name {
				continue
			}
			if t.Out == "" {
				t.Cell = b.name(q)
			}
			sum.Out, sum.In = sum.Out+q.Out, sum.In+q.In
			t.Out, t.In = report.Size(sum.Out), report.Size(sum.In)
		}
		t.Children = b.trees(n.Children, qubes)
		all = append(all, t)
	}
	return all
}

// exitText says how a qube is meant to leave.
func exitText(e *topology.Exit) string {
	way := strings.TrimSpace(e.Protocol + " " + e.Endpoint)
	if way == "" {
		return text(e.Kind).Text
	}
	return text(cmp.Or(e.Kind, "to") + " " + way).Text
}

// verdictText says what is worst about a qube.
func verdictText(q *topology.Qube) string {
	switch q.Mark {
	case topology.None:
		return ""
	case topology.Pass:
		return "checks pass"
	}
	return text(q.Mark.String() + " " + strings.Join(q.Checks, ", ")).Text
}
