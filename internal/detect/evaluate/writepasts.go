package evaluate

import (
	"fmt"
	"io"
)

// writePasts writes what rules that need a past have found.
func (t *Table) writePasts(w io.Writer) {
	if t.Pasts == 0 {
		return
	}
	fmt.Fprintf(w, "with %d pasts of one purpose, each the first half of a benign file on %d days:\n", t.Pasts, pastDays)
	for i := range t.Scores {
		s := &t.Scores[i]
		if !NeedsPast(s.Rule) {
			continue
		}
		found := ""
		if s.Runs > 0 {
			found = fmt.Sprintf("found in %.0f %% of %d runs of files that expect it; ", 100*share(s.Hits, s.Runs), s.Runs)
		}
		fmt.Fprintf(w, "  %s: %sin %d second halves of the benign files, %d at medium or above\n", s.Rule, found, s.Goes[0], s.Goes[1])
	}
}
