package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is all that was measured.
type report struct {
	Date    time.Time      `json:"date"`
	Rounds  int            `json:"rounds"`
	Rate    int            `json:"frames_per_second"`
	Seconds float64        `json:"seconds"`
	Inputs  []*inputReport `json:"inputs"`
}

// inputReport is what was measured on one input.
type inputReport struct {
	Name    string    `json:"name"`
	Missing string    `json:"missing,omitempty"`
	Results []*result `json:"results"`
}

// result is what was measured of one contender on one input.
type result struct {
	Contender string   `json:"contender"`
	Missing   string   `json:"missing,omitempty"`
	Failure   string   `json:"failure,omitempty"`
	Samples   []sample `json:"samples"`
}

// Quantities of a sample.
func process(s sample) float64 { return s.Process }
func sender(s sample) float64  { return s.Sender }
func softirq(s sample) float64 { return s.Softirq }
func gbit(s sample) float64    { return s.Gbit }
func frames(s sample) float64  { return float64(s.Frames) }
func dropped(s sample) float64 { return float64(s.Dropped) }
func peak(s sample) float64    { return float64(s.RSS) / 1e6 }
func disk(s sample) float64    { return float64(s.Disk) / 1e6 }
func cut(s sample) float64     { return float64(s.Cut) }
func seen(s sample) float64    { return float64(s.Seen) / float64(s.Frames) * 100 }

// ran reports whether r has samples and no failure.
func (r *result) ran() bool { return len(r.Samples) > 0 && r.Failure == "" }

// median returns the median of a quantity; r must have run.
func (r *result) median(of func(sample) float64) float64 {
	v := r.sorted(of)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// most returns the largest value of a quantity; r must have run.
func (r *result) most(of func(sample) float64) float64 {
	v := r.sorted(of)
	return v[len(v)-1]
}

// sorted returns the values of a quantity in order.
func (r *result) sorted(of func(sample) float64) (v []float64) {
	for _, s := range r.Samples {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v
}

// result returns the result of the named contender. It is never nil.
func (in *inputReport) result(name string) *result {
	for _, r := range in.Results {
		if r.Contender == name {
			return r
		}
	}
	return &result{Contender: name, Missing: "left out"}
}

// table prints the report for a terminal.
func (rep *report) table(w io.Writer) {
	fmt.Fprintf(w, "%s; %d rounds of %g s; %d frames per second\n", rep.Date.Format("2006-01-02"), rep.Rounds, rep.Seconds, rep.Rate)
	for _, in := range rep.Inputs {
		fmt.Fprintf(w, "\n%s %s\n", in.Name, in.Missing)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "contender\tprocess µs\tmin..max\tsender µs\tsoftirq µs\tseen %\tdropped\tcut\tGbit/s\tframes\tMB\tdisk MB")
		for _, r := range in.Results {
			fmt.Fprintln(tw, strings.Join(r.row(), "\t"))
		}
		_ = tw.Flush() // as the prints: the terminal's errors are not ours
	}
}

// row returns the cells of a contender's row.
func (r *result) row() []string {
	if !r.ran() {
		reason, _, _ := strings.Cut(r.Missing+r.Failure, "\n")
		return []string{r.Contender, reason}
	}
	v := r.sorted(process)
	row := []string{r.Contender, fmt.Sprintf("%.3f", r.median(process)), fmt.Sprintf("%.3f..%.3f", v[0], v[len(v)-1]),
		fmt.Sprintf("%.3f", r.median(sender)), fmt.Sprintf("%.3f", r.median(softirq)), "-", "-", "-",
		fmt.Sprintf("%.2f", r.median(gbit)), fmt.Sprintf("%.0f", r.median(frames)), fmt.Sprintf("%.0f", r.median(peak)), fmt.Sprintf("%.0f", r.median(disk))}
	if r.Contender != noneName && r.most(dropped) >= 0 {
		row[5], row[6], row[7] = fmt.Sprintf("%.2f", r.median(seen)), fmt.Sprintf("%.0f", r.most(dropped)), fmt.Sprintf("%.0f", r.most(cut))
	}
	return row
}
