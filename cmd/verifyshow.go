package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// verdictView says how verdicts are shown.
type verdictView struct {
	json, all, watch, colour bool
	qube                     string
}

// write writes the verdicts.
func (h *verdictView) write(w io.Writer, v *judge.View) error {
	list := h.chosen(v)
	if h.json {
		copied := *v
		copied.Verdicts = list
		return printJSON(w, &copied)
	}
	t := newTable(w)
	var quiet []judge.Line
	for _, l := range list {
		if !h.all && isQuiet(&l) {
			quiet = append(quiet, l)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", word(&l), l.Check, line(l.Subject), line(h.text(&l)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, text := range inShort(quiet) {
		fmt.Fprintln(w, line(text))
	}
	_, err := fmt.Fprintln(w, totals(list))
	return err
}

// chosen returns the verdicts on the qube that is asked for.
func (h *verdictView) chosen(v *judge.View) []judge.Line {
	if h.qube == "" {
		return v.Verdicts
	}
	return slices.DeleteFunc(slices.Clone(v.Verdicts), func(l judge.Line) bool { return l.Subject != h.qube })
}

// isQuiet reports whether a verdict has seen nothing, so that a list of such checks will do.
func isQuiet(l *judge.Line) bool {
	switch l.Verdict {
	case judge.NotTested.String():
		return true
	case judge.Unknown.String():
		return l.Why == judge.NoTraffic.String() || l.Why == judge.NoRulesRead.String()
	}
	return false
}

// word returns the first column.
func word(l *judge.Line) string {
	if l.Stale {
		return "STALE"
	}
	return strings.ToUpper(strings.ReplaceAll(l.Verdict, "_", " "))
}

// text returns the last column.
func (h *verdictView) text(l *judge.Line) string {
	text := l.Name + ": " + l.Text
	if l.Vif != "" && l.Verdict == judge.Fail.String() {
		text += " (" + l.Vif + ")"
	}
	return text
}

// inShort lists checks that have seen nothing: by reason, and together for subjects of which
// the same is true.
func inShort(list []judge.Line) (lines []string) {
	type key struct{ why, names string }
	checks, subjects := map[[2]string][]string{}, map[key][]string{}
	for _, l := range list {
		k := [2]string{l.Why, l.Subject}
		checks[k] = append(checks[k], l.Check)
	}
	for k, names := range checks {
		one := key{k[0], strings.Join(names, ", ")}
		subjects[one] = append(subjects[one], k[1])
	}
	for k, names := range subjects {
		slices.Sort(names)
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", k.why, k.names, strings.Join(names, ", ")))
	}
	slices.Sort(lines)
	return lines
}

// totals returns the last line.
func totals(list []judge.Line) string {
	var pass, fail, unknown, stale, untested int
	for _, l := range list {
		switch {
		case l.Stale:
			stale++
		case l.Verdict == judge.Pass.String():
			pass++
		case l.Verdict == judge.Fail.String():
			fail++
		case l.Verdict == judge.Unknown.String():
			unknown++
		default:
			untested++
		}
	}
	return fmt.Sprintf("%d pass, %d fail, %d unknown, %d stale, %d not tested", pass, fail, unknown, stale, untested)
}

// exit returns the error that gives the process its exit status.
func (h *verdictView) exit(v *judge.View) error {
	doubt := false
	for _, l := range h.chosen(v) {
		switch {
		case l.Verdict == judge.Fail.String():
			return withExit(1, errLeak)
		case l.Verdict != judge.Pass.String() || l.Stale:
			doubt = true
		}
	}
	if doubt {
		return withExit(exitSome, errDoubt)
	}
	return nil
}

// changes returns the verdicts that differ from those before.
func (h *verdictView) changes(before, now *judge.View) *judge.View {
	type key struct{ check, subject, vif string }
	known := map[key]string{}
	for _, l := range before.Verdicts {
		known[key{l.Check, l.Subject, l.Vif}] = word(&l)
	}
	changed := *now
	changed.Verdicts = slices.DeleteFunc(slices.Clone(h.chosen(now)), func(l judge.Line) bool {
		return known[key{l.Check, l.Subject, l.Vif}] == word(&l)
	})
	return &changed
}
