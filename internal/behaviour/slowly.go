package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// slowly counts a name that looks as if it carried data, below a domain that is new for the
// qube, and reports many within a day: a tunnel that sends little, or changes its domain.
func (e *Engine) slowly(q *names.Query) {
	s := e.cur
	if e.known(baseline.Destination, e.net) {
		return
	}
	s.daySamples[s.day.Names()%len(s.daySamples)] = q.Name
	if !s.day.Add(q) {
		return
	}
	f := &Finding{Rule: DNSTunnel, Way: "day", Level: Medium, Score: 0.6, BytesUp: uint64(s.day.Up())}
	if !e.learned() {
		f.Level = f.Level.down()
	}
	for _, name := range s.daySamples[:min(e.conf.Samples, len(s.daySamples))] {
		if name != "" {
			f.Names = append(f.Names, name)
		}
	}
	f.Reason = fmt.Sprintf("%s asks for names that look as if each carried data: %d with %d characters below %s that %s new for it, within a day", e.who(),
		s.day.Names(), s.day.Up(), domains(s.day.Domains()), isOrAre(s.day.Domains()))
	e.report(f)
}

// domains returns a number of domains in words.
func domains(n int) string {
	if n == 1 {
		return "one domain"
	}
	return fmt.Sprintf("%d domains", n)
}

// isOrAre returns the verb for a number.
func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
