package htmlreport

import (
	"cmp"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/topology"
)

// Answer is a question that everybody has, with the answer in short.
type Answer struct {
	Question string
	Ref      string // id of the part that says more
	Lines    []Line
	More     int // lines that are left out
}

// Line is a line of an answer.
type Line struct {
	Qube  Cell
	Label Cell
	Text  Cell
	Bad   bool
}

// maxLines is how many lines an answer has: all answers are on the first screen.
const maxLines = 4

// answers returns what the first screen says.
func (b *builder) answers() []Answer {
	return []Answer{b.sentMost(), b.whatRefused(), b.whatOdd(), b.waysOut()}
}

// answer makes an answer of all its lines.
func answer(question, ref string, lines []Line) Answer {
	n := min(len(lines), maxLines)
	return Answer{question, ref, lines[:n], len(lines) - n}
}

func (b *builder) line(q *analysis.Qube, what string, isBad bool) Line {
	return Line{b.qube(q), label(q), cutText(what, 2*maxRunes), isBad}
}

// sentMost says which qubes have sent most. It names three.
func (b *builder) sentMost() Answer {
	qubes := slices.DeleteFunc(slices.Clone(b.all), func(q *analysis.Qube) bool { return q.Out == 0 || q.Others })
	slices.SortStableFunc(qubes, func(x, y *analysis.Qube) int { return cmp.Compare(y.Out, x.Out) })
	var lines []Line
	for _, q := range qubes {
		lines = append(lines, b.line(q, report.Size(q.Out)+" sent, "+report.Size(q.In)+" received; most with "+mostWith(q), false))
	}
	a := answer("Who sent most", "qubes", lines[:min(len(lines), maxLines-1)])
	a.More = len(lines) - len(a.Lines)
	return a
}

// whatRefused says what the firewall refused, and to whom.
func (b *builder) whatRefused() Answer {
	all, total := collect(b, func(q *analysis.Qube) []*analysis.Refusal { return q.Refusals.Top(-1) }, func(r *analysis.Refusal) uint64 { return r.Packets })
	var lines []Line
	for _, o := range all {
		lines = append(lines, b.line(o.q, "to "+o.row.Peer+" "+portText(o.row.Port, o.row.Transport)+": "+report.Counted(o.row.Packets, "packet")+", by "+pointText(o.row.Point), false))
	}
	a := answer("What was refused", "refused", lines)
	a.More = total - len(a.Lines)
	return a
}

// pointText names the point that refused, with what that means.
func pointText(point string) string {
	why := map[string]string{
		"antispoof": "the source address is not the qube's", "input": "qubes may not connect to the netvm itself",
		"qvm-firewall": "the rules for the qube", "inter-qube": "qubes may not connect to each other", "user": "a rule of your own, or the rules for the qube are not loaded",
	}[point]
	if why == "" {
		return point
	}
	return point + ": " + why
}

// whatOdd names the worst findings.
func (b *builder) whatOdd() Answer {
	var lines []Line
	for _, f := range b.Findings.Top(-1) {
		what := f.Reason
		if f.Level != "" {
			what = f.Level + ": " + what
		}
		lines = append(lines, b.line(f.Qube, what, f.Level == "high" || f.Level == "critical"))
	}
	return answer("What is odd", "findings", lines)
}

// waysOut says how qubes with an expectation leave, netvms, and those that a check is
// against, the worst first.
func (b *builder) waysOut() Answer {
	type way struct {
		line Line
		mark topology.Mark
	}
	var ways []way
	for _, q := range b.all {
		m := b.mapQube(q)
		if q.Others || q.Exit.Kind == "" && len(q.Clients) == 0 && m.Mark != topology.Fail {
			continue
		}
		what := exitText(&m.Exit)
		if what == "" {
			what = "most with " + mostWith(q)
		}
		if v := b.verdictReason(q, &m); v != "" {
			what += ": " + v
		}
		ways = append(ways, way{b.line(q, what, m.Mark == topology.Fail), m.Mark})
	}
	slices.SortStableFunc(ways, func(x, y way) int { return cmp.Compare(y.mark, x.mark) })
	var lines []Line
	for _, w := range ways {
		lines = append(lines, w.line)
	}
	return answer("Which way out", "network", lines)
}

// verdictReason says what is worst about a qube, and of the first check that fails what it is
// about, and why it fails.
func (b *builder) verdictReason(q *analysis.Qube, m *topology.Qube) string {
	if m.Mark != topology.Fail || len(m.Checks) == 0 {
		return verdictText(m)
	}
	what := slices.Clone(m.Checks)
	why := ""
	for _, v := range b.judged[q] {
		if v.Check != m.Checks[0] {
			continue
		}
		if v.Title != "" {
			what[0] += " (" + v.Title + ")"
		}
		if v.Reason != "" {
			why = ": " + v.Reason
		}
		break
	}
	return m.Mark.String() + " " + strings.Join(what, ", ") + why
}

// mostWith names the largest peer of a qube.
func mostWith(q *analysis.Qube) string {
	peers := q.Peers.Top(1)
	if len(peers) == 0 {
		return "no peer"
	}
	name, port := endpoint(peers[0])
	return name + " " + port
}
