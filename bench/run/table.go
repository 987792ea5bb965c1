package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// columns are the headings of the table.
var columns = []string{
	"contender", "median s", "min..max", "packets/s", "net packets/s", "CPU s", "peak MB", "flows", "flows/s", "vs ours",
}

// unknown stands for a value that there is not.
const unknown = "-"

// row returns the cells of a contender's row.
func (in *inputReport) row(r *result, floor int64) []string {
	if !r.ran() {
		reason := r.Missing
		if r.Failure != "" {
			reason = "failed: " + r.Failure
		}

		// Only the first line: a failure has the end of stderr in the rest.
		reason, _, _ = strings.Cut(reason, "\n")

		return []string{r.Contender, reason}
	}

	t, times := r.median(wall), r.sorted(wall)
	row := []string{
		r.Contender,
		fmt.Sprintf("%.3f", t),
		fmt.Sprintf("%.3f..%.3f", times[0], times[len(times)-1]),
		rate(float64(in.Packets), t),
		unknown,
		fmt.Sprintf("%.2f", r.median(cpu)),
		fmt.Sprintf("%.1f", r.median(rss)/1e6),
		flowsCell(r),
		unknown,
		unknown,
	}

	if r.Startup > 0 {
		row[4] = rate(float64(in.Packets), t-r.Startup)
	}

	if r.median(rss) <= float64(floor) {
		row[6] = fmt.Sprintf("<%.1f", float64(floor)/1e6)
	}

	if n := r.median(flows); n >= 0 {
		row[8] = rate(n, t-r.Startup)
	}

	if ours := in.result(oursDiscard); ours.ran() {
		row[9] = fmt.Sprintf("%.2f", t/ours.median(wall))
	}

	return row
}

// rate returns n per seconds as text.
func rate(n, seconds float64) string {
	if seconds <= 0 {
		return unknown
	}

	return fmt.Sprintf("%.0f", n/seconds)
}

// flowsCell returns the number of flows, or the range if it varied.
func flowsCell(r *result) string {
	v := r.sorted(flows)
	lo, hi := v[0], v[len(v)-1]
	switch {
	case lo < 0:
		return unknown
	case lo == hi:
		return fmt.Sprintf("%.0f", lo)
	default:
		return fmt.Sprintf("%.0f..%.0f", lo, hi)
	}
}

// headline describes an input.
func (in *inputReport) headline() string {
	return fmt.Sprintf("%s: %d packets of %.0f bytes captured", in.Name, in.Packets, float64(in.Bytes)/float64(max(1, in.Packets)))
}

// conditions describes machine and method.
func (rep *report) conditions() string {
	pinned := "not pinned"
	if rep.CPUs > 0 {
		pinned = fmt.Sprintf("pinned to %d CPUs", rep.CPUs)
	}

	var versions []string
	for _, name := range slices.Sorted(maps.Keys(rep.Versions)) {
		versions = append(versions, name+" "+rep.Versions[name])
	}

	return fmt.Sprintf("%s; %s; %s; %d rounds; memory below %.1f MB not measurable; %s",
		rep.Date.Format("2006-01-02"), rep.Machine, pinned, rep.Rounds, float64(rep.FloorRSS)/1e6,
		strings.Join(versions, ", "))
}

// table prints the report for a terminal.
func (rep *report) table(w io.Writer) {
	fmt.Fprintln(w, rep.conditions())
	for _, in := range rep.Inputs {
		fmt.Fprintf(w, "\n%s\n", in.headline())
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, strings.Join(columns, "\t"))
		for _, r := range in.Results {
			fmt.Fprintln(tw, strings.Join(in.row(r, rep.FloorRSS), "\t"))
		}

		_ = tw.Flush() // as the prints: the terminal's errors are not ours
	}
}

// markdown returns the report as Markdown.
func (rep *report) markdown() []byte {
	b := fmt.Appendf(nil, "%s\n", rep.conditions())
	for _, in := range rep.Inputs {
		b = fmt.Appendf(b, "\n### %s\n\n| %s |\n|%s\n", in.headline(), strings.Join(columns, " | "),
			strings.Repeat(" --- |", len(columns)))
		for _, r := range in.Results {
			b = fmt.Appendf(b, "| %s |\n", strings.Join(in.row(r, rep.FloorRSS), " | "))
		}
	}

	return b
}

// writeFiles writes the report as JSON and as Markdown. Empty names are left
// out.
func (rep *report) writeFiles(jsonFile, mdFile string) (err error) {
	if jsonFile != "" {
		b, e := json.MarshalIndent(rep, "", "  ")
		if e == nil {
			e = os.WriteFile(jsonFile, append(b, '\n'), 0o644)
		}

		err = errors.Join(err, e)
	}

	if mdFile != "" {
		err = errors.Join(err, os.WriteFile(mdFile, rep.markdown(), 0o644))
	}

	return err
}

// numCPU returns the number of CPUs as text.
func numCPU() string { return fmt.Sprintf("%d CPUs", runtime.NumCPU()) }
