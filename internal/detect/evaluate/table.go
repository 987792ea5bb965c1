package evaluate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// Score is how well a rule does.
type Score struct {
	Rule              behaviour.Rule
	Expected, Found   int             // cases that expect it, and of these, those with a finding
	After             []time.Duration // from the beginning to the first finding, in order
	Cold              [2]int          // benign cases with a finding: at any level, at medium or above
	Learned           [2]int          // likewise in the second half, the first of which was learned
	Findings, Serious int             // in these second halves
	Runs, Hits        int             // of cases that expect the rule, with pasts; and of these, those with a finding
	Goes              [2]int          // pasts that go on with a finding: at any level, at medium or above
}

// Recall returns the share of the cases that expect the rule in which it found something,
// and Precision that of the cases with a finding that expect it, among those of malicious and
// benign traffic. Both are 1 if there are none.
func (s *Score) Recall() float64 { return share(s.Found, s.Expected) }

// Precision is described at Recall. For rules that need a past, the cases of benign traffic are
// those in which who has one goes on.
func (s *Score) Precision() float64 {
	if NeedsPast(s.Rule) {
		return share(s.Found, s.Found+s.Goes[0])
	}
	return share(s.Found, s.Found+s.Cold[0])
}

func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

// Table is the outcome of an evaluation.
type Table struct {
	Scores  []Score // by rule
	Results []*Result
	Pasts   int           // of benign cases, see [Past]
	Benign  time.Duration // of the second halves of benign cases
	Faults  []error       // of cases that could not be read
}

// Missed returns the cases in which a rule that they expect has found nothing.
func (t *Table) Missed() (list []string) {
	for _, r := range t.Results {
		for _, rule := range r.Expect {
			if _, ok := r.Finds(rule); !ok {
				list = append(list, fmt.Sprintf("%s: %s (%s)", rule, shortName(r.Path), r.Label))
			}
		}
	}
	return list
}

// False returns the benign cases in which a rule has found something before anything was
// learned, with the highest level, in the order of the rules.
func (t *Table) False() (list []string) {
	for _, r := range t.Results {
		if r.Class != "benign" {
			continue
		}
		highest := [behaviour.Rules]behaviour.Level{}
		for i := range r.Findings {
			f := &r.Findings[i]
			highest[f.Rule] = max(highest[f.Rule], f.Level)
		}
		for rule, level := range highest {
			if level > behaviour.Silent {
				list = append(list, fmt.Sprintf("%s: %s (%s), %s", behaviour.Rule(rule), shortName(r.Path), r.Label, level))
			}
		}
	}
	return list
}

// Write writes the table for people.
func (t *Table) Write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "RULE\tEXPECTED\tFOUND\tRECALL\tPRECISION\tAFTER (MEDIAN)\tBENIGN FILES\tMEDIUM\tLEARNED HALF\tMEDIUM\tA DAY\tMEDIUM")
	for i := range t.Scores {
		s := &t.Scores[i]
		after := "-"
		if n := len(s.After); n > 0 {
			after = s.After[n/2].Round(100 * time.Millisecond).String()
		}
		recall, precision := "-", "-"
		if s.Expected > 0 {
			recall, precision = fmt.Sprintf("%.0f %%", 100*s.Recall()), fmt.Sprintf("%.0f %%", 100*s.Precision())
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.2f\t%.2f\n", s.Rule, s.Expected, s.Found, recall, precision, after, s.Cold[0], s.Cold[1], s.Learned[0], s.Learned[1],
			t.aDay(s.Findings), t.aDay(s.Serious))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	low, medium := t.Rates()
	fmt.Fprintf(w, "\n%d cases; %.1f h of benign traffic after learning: %.2f findings a day, %.2f at medium or above\n", len(t.Results), t.Benign.Hours(), low, medium)
	windows, wrong := t.Windows()
	fmt.Fprintf(w, "%d windows of DNS (a host, a domain, an hour) in benign files, of which %d were taken for tunnels before anything was learned\n", windows, wrong)
	t.writePasts(w)
	if missed := t.Missed(); len(missed) > 0 {
		fmt.Fprintf(w, "missed:\n  %s\n", strings.Join(missed, "\n  "))
	}
	if wrong := t.False(); len(wrong) > 0 {
		fmt.Fprintf(w, "found in benign files before anything was learned:\n  %s\n", strings.Join(wrong, "\n  "))
	}
	return nil
}

// Windows returns how many windows of DNS there are in benign cases, and how many findings of tunnels in
// them before anything was learned.
func (t *Table) Windows() (windows uint64, wrong int) {
	for _, r := range t.Results {
		if r.Class != "benign" {
			continue
		}
		windows += r.Windows
		for i := range r.Findings {
			if r.Findings[i].Rule == behaviour.DNSTunnel {
				wrong++
			}
		}
	}
	return windows, wrong
}

// aDay returns a number of findings in the second halves of benign cases as a rate.
func (t *Table) aDay(findings int) float64 { return float64(findings) / max(t.Benign.Hours()/24, 1e-9) }

// Rates returns how many findings there are in a day of benign traffic after learning, at
// any level and at medium or above.
func (t *Table) Rates() (low, medium float64) {
	for _, s := range t.Scores {
		low += t.aDay(s.Findings)
		medium += t.aDay(s.Serious)
	}
	return low, medium
}
