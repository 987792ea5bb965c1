package htmlreport

import (
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/topology"
)

// page is what the template shows.
type page struct {
	Hash                            string // of the style sheet
	From, To, Zone, Made, Generator string
	Took                            string
	OneDay                          bool
	Sums                            []string
	Files                           []string
	Missing                         []Item
	Findings, Verdicts              Table
	IsFailing                       bool // a check fails
	Timeline                        *Chart
	Qubes                           Table
	Answers                         []Answer
	Networks                        []Network
	ManyHosts                       bool
	NoTrees                         int // qubes without a place in them
	Between, Egress, Talkers        Table
	EgressByCountry                 bool
	World                           *World
	Countries                       Table
	Geo                             string
	Names, Domains, Lists, Refused  Table
	Changes, Sensors, Datasets      Table
	Pages                           []qubePage
	NoPages                         int
}

// qubePage is the page of one qube.
type qubePage struct {
	ID                                        int
	Name                                      Cell
	Label, Facts, Odd                         string
	Sums                                      []string
	Timeline                                  *Chart
	Peers, Countries, Networks, Domains       Table
	Names, Refusals, Transactions, JA4, Hours Table
	Findings, Checks                          Table
}

// page fills the page.
func (b *builder) page(o *Options) *page {
	p := &page{From: b.stamp(b.First), To: b.stamp(b.Last), Took: b.Last.Sub(b.First).Round(time.Second).String(), OneDay: b.day != "", Zone: b.zone.String(), Made: safetext.Line(o.Command), Generator: o.Version, Geo: safetext.Line(o.Geo)}
	p.Sums = []string{report.Counted(uint64(len(b.all)), "qube"), report.Counted(b.Total.Flows, "flow"), report.Size(b.Total.Bytes()) + " sent and received",
		report.Counted(b.Events, "event"), report.Count(b.Queries) + " DNS queries (" + report.Count(b.Denied) + " denied)",
		report.Count(b.Refused) + " refused packets", report.Counted(b.Alerts, "alert")}
	for _, f := range b.Files {
		p.Files = append(p.Files, fileText(f))
	}
	p.Missing = b.missing()
	p.Findings, p.Verdicts, p.Qubes, p.Networks = b.findings(), b.verdicts(), b.qubes(), b.networks()
	p.ManyHosts, p.NoTrees = b.manyHosts, len(b.all)-len(b.inTrees())
	p.Answers = b.answers()
	p.IsFailing = slices.ContainsFunc(b.Verdicts.Top(-1), func(v *analysis.Verdict) bool { return markOf(v) == topology.Fail })
	p.Timeline = b.chart(b.Timeline, analysis.Bins, labelSeries())
	p.Between, p.Talkers, p.Refused = b.between(), b.talkers(), b.refused()
	p.Egress, p.EgressByCountry = b.egress()
	p.World, p.Countries = b.world()
	p.Names, p.Domains, p.Lists = b.names(b.Analysis.Names), b.names(b.Analysis.Domains), b.counts(b.Analysis.Lists, "List", "Denied")
	p.Changes, p.Sensors, p.Datasets = b.changes(), b.sensors(), b.counts(b.Analysis.Datasets, "Kind", "Events")
	for _, q := range b.all {
		if b.pages[q] > 0 {
			p.Pages = append(p.Pages, b.qubePage(q))
		}
	}
	p.NoPages = len(b.all) - len(p.Pages)
	p.finish()
	return p
}

// fileText describes a file.
func fileText(f *analysis.File) string {
	sum := f.SHA256
	if sum == "" {
		sum = "unknown"
	}
	s := safetext.Line(f.Name) + ": " + report.Counted(uint64(f.Lines), "line") + ", " + report.Counted(f.Events, "event") + ", sha256 " + sum
	if f.First != "" {
		s += "; " + report.Count(f.Unreadable) + " unreadable, the first: line " + safetext.Line(f.First)
	}
	return s
}

// pageBins is the number of bins of the timeline of a qube.
const pageBins = 48

func (b *builder) qubePage(q *analysis.Qube) qubePage {
	p := qubePage{ID: b.pages[q], Name: b.qube(q), Label: safetext.Line(q.Label), Odd: odd(q)}
	p.Name.Ref = 0
	for _, part := range [...]struct{ name, value string }{{"", q.Class}, {"template ", q.Template}, {"netvm ", q.NetVM}, {"", q.VIF}, {"", q.IP}, {"uuid ", q.UUID}, {"seen by ", q.Host}} {
		if part.value != "" {
			if p.Facts != "" {
				p.Facts += ", "
			}
			value := text(part.value)
			p.Facts += part.name + value.Text
			if value.More != "" {
				p.Facts += "…"
			}
		}
	}
	p.Sums = []string{report.Counted(q.Flows, "flow"), report.Size(q.Out) + " out", report.Size(q.In) + " in", report.Count(q.Queries) + " DNS queries (" + report.Count(q.Denied) + " denied)",
		report.Count(q.Refused) + " refused packets", report.Counted(q.Alerts, "alert"), b.stamp(q.First) + " to " + b.stamp(q.Last)}
	p.Timeline = b.chart(q.Timeline, pageBins, qubeSeries())
	p.Peers, p.Countries, p.Networks, p.Domains = b.peers(q), b.places(q, q.Countries, "Country"), b.places(q, q.Networks, "Network"), b.places(q, q.Domains, "Domain or network")
	p.Names, p.Refusals, p.Transactions, p.JA4, p.Hours = b.names(q.Names), b.refusals(q), b.counts(q.Transactions, "Protocol", "Transactions"), b.counts(q.JA4, "JA4", "Flows"), b.hours(q)
	p.Findings, p.Checks = b.findingsOf(q), b.checksOf(q)
	return p
}

// findingsOf is the table of the findings about one qube.
func (b *builder) findingsOf(q *analysis.Qube) Table {
	t := Table{Head: []string{"Finding", "Level", "Reason", "How", "To", "Flows", "First", "Last"}}
	left := 0
	for _, f := range b.Findings.Top(-1) {
		switch {
		case f.Qube != q:
		case b.top >= 0 && len(t.Rows) >= b.top:
			left++
		default:
			t.Rows = append(t.Rows, []Cell{short(f.Action), short(f.Level), sentence(f.Reason), short(f.Method), short(f.Destination), number(f.Count), b.when(f.First), b.when(f.Last)})
		}
	}
	t.More = more(left, 0, "findings")
	return t
}
