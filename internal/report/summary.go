package report

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// addSummary adds an event that stands for others: those that a qube caused beyond its
// share of the output.
func (t *Tally) addSummary(e *flowEvent) {
	s := &e.Summary
	q := t.qube(e.Qube.Name)
	q.setLabel(e)
	q.Summarized += s.Events
	t.Summarized += s.Events
	n := int(min(s.Count, 1<<53))
	switch s.Dataset {
	case "flow":
		t.Flows += n
		q.Flows += n
		q.Out += s.Sent
		q.In += s.Received
		q.Spoofed += int(min(s.Spoofed, 1<<53))
	case "qubesbeat.firewall":
		q.Refused += s.Count
	case "qubesbeat.dns":
		t.Transactions += n
		q.transactions["dns"] += n
		for _, o := range s.Outcomes {
			if isDenied(o.Name) {
				q.denied += int(min(o.Count, 1<<53))
			}
		}
	default:
		t.Transactions += n
		q.transactions[safetext.Line(s.Dataset)] += n
	}
}

// Notes returns lines for people about what the table cannot show, "" if there is nothing.
func (t *Tally) Notes() string {
	if t.Summarized == 0 {
		return ""
	}
	return fmt.Sprintf("qubesbeat: %s events are in summaries, because their qubes had used their share of the output: "+
		"sums include them, destinations do not\n", Count(t.Summarized))
}
