package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// print writes the report as tables.
func (r *report) print(to io.Writer) {
	fmt.Fprintf(to, "%d sensors, under load %d at a time with %d events each; %s\n", r.Sensors, r.Parallel, r.Events, r.Machine)
	fmt.Fprintf(to, "a start takes %.0f ms of CPU, which the CPU times below leave out\n\n", 1000*r.StartCPU)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "under load\tevents/s\ta sensor\tbeat µs/event\tserver µs/event\tlost\tdoubled\tmisnamed\tout of order\t")
	r.Files.Load.row(w, "file", nil)
	for _, s := range r.Servers {
		s.Load.row(w, s.Name, &s.First)
		s.LoadAgain.row(w, s.Name+", once more", &s.Again)
	}
	_ = w.Flush()
	r.printRest(to)
	r.printSizes(to)
	for _, s := range r.Servers {
		fmt.Fprintf(to, "%s: %d qubes called work, on %d laptops\n", s.Name, s.Works, s.WorksOf)
	}
}

// row writes the line of a load.
func (l *load) row(w io.Writer, name string, v *verdict) {
	fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t", name, l.EventsPerSecond, l.PerSensor, l.BeatCPU, l.ServerCPU)
	if v != nil {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t", v.Lost, v.Doubled, v.Misnamed, v.Disordered)
	}
	fmt.Fprintln(w)
}

// printRest writes what was measured at rest.
func (r *report) printRest(to io.Writer) {
	if r.Seconds == 0 {
		return
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nat rest, %d s\tevents/s a sensor\tCPU a sensor\tserver CPU\tRSS\tmost\tPSS\tlost\tdoubled\tmisnamed\tout of order\t\n", r.Seconds)
	for _, s := range r.Servers {
		t := s.Rest
		if t == nil {
			continue
		}
		v := t.Verdict
		fmt.Fprintf(w, "%s\t%.2f\t%.2f %%\t%.1f %%\t%d MB\t%d MB\t%d MB\t%d\t%d\t%d\t%d\t\n", s.Name, t.EventsPerSensor, t.CPUPercent, t.ServerCPUPercent,
			t.RSS>>20, t.MostRSS>>20, t.PSS>>20, v.Lost, v.Doubled, v.Misnamed, v.Disordered)
	}
	_ = w.Flush()
}

// printSizes writes the bytes of an event.
func (r *report) printSizes(to io.Writer) {
	f := &r.Files
	n, size := f.sum()
	if n == 0 {
		return
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nbytes an event\tnow\tmerged\tgzip\tzstd\t")
	mean := size / int64(n)
	for _, name := range slices.Sorted(maps.Keys(f.Kinds)) {
		k := f.Kinds[name]
		fmt.Fprintf(w, "file, %s\t%d\t\t\t\t\n", name, k.Bytes/int64(k.Events))
	}
	fmt.Fprintf(w, "file, all\t%d\t\t%.0f\t%.0f\t\n", mean, float64(mean)*f.Gzip, float64(mean)*f.Zstd)
	for _, s := range r.Servers {
		fmt.Fprintf(w, "%s\t%d\t%d\t\t\t\n", s.Name, s.Bytes, s.BytesMerged)
	}
	_ = w.Flush()
}

// sum returns the number and the bytes of all events.
func (s *files) sum() (n int, size int64) {
	for _, k := range s.Kinds {
		n, size = n+k.Events, size+k.Bytes
	}
	return n, size
}
