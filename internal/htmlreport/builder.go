package htmlreport

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/topology"
)

// maxPages is how many qubes have a page of their own.
const maxPages = 50

// builder makes the tables of an analysis.
type builder struct {
	*analysis.Analysis
	all       []*analysis.Qube
	pages     map[*analysis.Qube]int
	zone      *time.Location
	top       int // rows of a table, all if negative
	manyHosts bool
	day       string                                 // of all events, "" if they are of several days
	judged    map[*analysis.Qube][]*analysis.Verdict // about a qube itself, the worst first
}

func newBuilder(a *analysis.Analysis, zone *time.Location, top int) *builder {
	if zone == nil {
		zone = time.UTC
	}
	b := &builder{Analysis: a, all: slices.DeleteFunc(a.Qubes(), isUnseen), pages: map[*analysis.Qube]int{}, zone: zone, top: top, judged: map[*analysis.Qube][]*analysis.Verdict{}}
	if day := a.First.In(zone).Format(time.DateOnly); !a.First.IsZero() && day == a.Last.In(zone).Format(time.DateOnly) {
		b.day = day
	}
	for _, v := range a.Verdicts.Top(-1) {
		if v.Subject == v.Qube.Name {
			b.judged[v.Qube] = append(b.judged[v.Qube], v)
		}
	}
	for _, q := range b.all {
		b.manyHosts = b.manyHosts || !q.Others && q.Host != b.all[0].Host
	}
	b.number()
	return b
}

// number gives qubes their pages: those that deserve a look before those with many bytes.
func (b *builder) number() {
	chosen := slices.Clone(b.all)
	slices.SortStableFunc(chosen, func(x, y *analysis.Qube) int {
		switch first, second := b.deservesLook(x), b.deservesLook(y); {
		case first == second:
			return 0
		case first:
			return -1
		}
		return 1
	})
	chosen = chosen[:min(len(chosen), maxPages)]
	for _, q := range b.all {
		if slices.Contains(chosen, q) {
			b.pages[q] = len(b.pages) + 1
		}
	}
}

// deservesLook reports whether there is an alert about a qube, or it fails a check.
func (b *builder) deservesLook(q *analysis.Qube) bool { return q.Alerts > 0 || b.isFailing(q) }

// isFailing reports whether a qube fails a check.
func (b *builder) isFailing(q *analysis.Qube) bool {
	return slices.ContainsFunc(b.judged[q], func(v *analysis.Verdict) bool { return markOf(v) == topology.Fail })
}

// isUnseen reports whether nothing is known of a qube but verdicts about the machine
// itself, which have none.
func isUnseen(q *analysis.Qube) bool {
	return q.Name == "" && q.Flows+q.Queries+q.Refused+q.Alerts+q.Summarized == 0 && q.Transactions.Len() == 0
}

// limit returns how many of n rows a table has.
func (b *builder) limit(n int) int {
	if b.top < 0 {
		return n
	}
	return min(n, b.top)
}

// more says what is not in a table.
func more(left int, dropped uint64, what string) string {
	var parts []string
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%s more %s are not shown (--top)", report.Count(uint64(left)), what))
	}
	if dropped > 0 {
		parts = append(parts, fmt.Sprintf("%s rows of small %s were added up to bound memory; a row may be a lower bound", report.Count(dropped), what))
	}
	return strings.Join(parts, "; ")
}

// peerMore says what is not in a table of peers.
func (b *builder) peerMore(p *analysis.Peers, shown int) string {
	text := more(p.Len()-shown, p.Dropped, "peers")
	rest := p.Rest.Bytes()
	for _, row := range p.Top(-1)[shown:] {
		rest += row.Bytes()
	}
	if rest > 0 {
		text += ": " + report.Size(rest) + " in all"
	}
	return strings.TrimPrefix(text, ": ")
}

// qubes is the table of all qubes.
func (b *builder) qubes() Table {
	t := Table{Head: []string{"Qube", "Label", "Flows", "Out", "In", "Share", "Top", "DNS", "Denied", "Refused", "Alerts", "Odd"}}
	most := uint64(0)
	for _, q := range b.all {
		most = max(most, q.Bytes())
	}
	n := len(b.all)
	if b.top >= 0 {
		n = min(n, 8*b.top)
	}
	for _, q := range b.all[:n] {
		top := word("")
		if peers := q.Peers.Top(1); len(peers) > 0 {
			name, port := endpoint(peers[0])
			top = short(strings.TrimSpace(name + " " + port))
		}
		t.Rows = append(t.Rows, []Cell{b.qube(q), label(q), number(q.Flows), size(q.Out), size(q.In), bar(q.Bytes(), most), top,
			number(q.Queries), number(q.Denied), number(q.Refused), number(q.Alerts), spaced(odd(q))})
	}
	t.More = more(len(b.all)-n, 0, "qubes")
	return t
}

// odd says what is unusual about flows of a qube.
func odd(q *analysis.Qube) string {
	var parts []string
	for _, c := range [...]struct {
		n    uint64
		what string
	}{{q.Spoofed, "spoofed"}, {q.Unresolved, "never resolved"}, {q.Unanswered, "unanswered"}, {q.Inbound, "inbound"}, {q.Summarized, "events in summaries"}} {
		if c.n > 0 {
			parts = append(parts, report.Count(c.n)+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}

// findings is the table of alerts.
func (b *builder) findings() Table {
	t := Table{Head: []string{"Qube", "Label", "Finding", "Level", "Reason", "How", "To", "Flows", "First", "Last"}}
	rows := b.Findings.Top(b.top)
	for _, f := range rows {
		t.Rows = append(t.Rows, []Cell{b.qube(f.Qube), label(f.Qube), short(f.Action), short(f.Level), sentence(f.Reason), short(f.Method), short(f.Destination),
			number(f.Count), b.when(f.First), b.when(f.Last)})
	}
	t.More = more(b.Findings.Len()-len(rows), b.Findings.Dropped, "findings")
	return t
}
