// Package criterion judges measurements: what has to hold, whether it does, and what a
// harness prints of it.
package criterion

import (
	"fmt"
	"io"
)

// Verdict is the outcome of a criterion.
type Verdict string

// Verdicts. A criterion is skipped if a contender that it needs is missing or failed.
const (
	Pass Verdict = "PASS"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP"
)

// Criterion is something that qubesbeat has to fulfil.
type Criterion struct {
	Verdict Verdict
	Text    string
}

// String returns the line to be printed.
func (c Criterion) String() string { return fmt.Sprintf("%s  %s", c.Verdict, c.Text) }

// Of returns a criterion that holds or not.
func Of(holds bool, text string) Criterion {
	if holds {
		return Criterion{Pass, text}
	}
	return Criterion{Fail, text}
}

// Complete returns list as it counts: what is skipped fails if the peers are required,
// and a run that has measured nothing fails.
func Complete(list []Criterion, requirePeers bool) []Criterion {
	for i := range list {
		if requirePeers && list[i].Verdict == Skip {
			list[i].Verdict = Fail
		}
	}
	if len(list) == 0 {
		return []Criterion{{Fail, "nothing was measured"}}
	}
	return list
}

// Print writes a line for each criterion and returns an error if one fails.
func Print(w io.Writer, list []Criterion) error {
	failed := 0
	for _, c := range list {
		fmt.Fprintln(w, c)
		if c.Verdict == Fail {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d criteria not met", failed)
	}
	return nil
}
