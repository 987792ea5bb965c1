package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
)

// print prints the table and the criteria.
func (r *rates) print(check bool) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "contender\tcached/s\tper s of CPU\tblocked/s\tlost %\t")
	for _, name := range r.order {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.2f\t\n", name, median(r.cached[name]), median(r.perCPU[name]), median(r.blocked[name]), r.lost[name])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if m := r.memory; m.limit > 0 {
		fmt.Printf("1,000,000 names: blocked %v after the start, %.0f MB resident; after a flood of random names %.0f MB, the cache %.1f of %.1f MB with %d answers\n",
			m.ready.Round(1e6), m.loaded, m.flooded, m.cacheBytes, m.limit, m.entries)
	}
	if err := criterion.Print(os.Stdout, r.criteria()); check {
		return err
	}
	return nil
}

func (r *rates) criteria() (list []criterion.Criterion) {
	add := func(ok bool, format string, args ...any) {
		list = append(list, criterion.Of(ok, fmt.Sprintf(format, args...)))
	}
	for _, suffix := range []string{"", "-log"} {
		r.beside("qubesbeat"+suffix, "before"+suffix, add)
	}
	if r.memory.limit == 0 { // only some of the contenders
		return list
	}
	cached := func(name string) float64 { return median(r.cached[name]) }
	blocked := func(name string) float64 { return median(r.blocked[name]) }
	ours := cached("qubesbeat")
	add(ours >= 0.95*cached("dnsmasq"), "cached, log off: x%.2f the rate of dnsmasq (1 asked, less 5 %% of noise), x%.2f that of unbound", ours/cached("dnsmasq"), ours/cached("unbound"))
	add(blocked("qubesbeat") >= blocked("dnsmasq"), "blocked, log off: x%.2f the rate of dnsmasq (1 asked)", blocked("qubesbeat")/blocked("dnsmasq"))
	// dnsperf has one core, too: where it is the slower one, the rates are its own.
	cost := median(r.perCPU["qubesbeat"]) / median(r.perCPU["dnsmasq"])
	add(cost >= 1, "cached, log off: x%.2f the answers of dnsmasq for the same CPU time (1 asked), x%.2f those of unbound", cost,
		median(r.perCPU["qubesbeat"])/median(r.perCPU["unbound"]))
	// Others have work on the core, too: what counts is a second of it.
	logged := func(what string, rates, perCPU map[string][]float64) {
		times := 0.0
		if b := median(rates["blocky-log"]); b > 0 {
			times = median(rates["qubesbeat-log"]) / b
		}
		core := median(perCPU["qubesbeat-log"])
		add(core >= 50_000 || times >= 4, "%s, one event for each query to a file: %.0f/s, %.0f for a second of the core (50,000 asked)%s",
			what, median(rates["qubesbeat-log"]), core, besideBlocky(times))
	}
	logged("cached", r.cached, r.perCPU)
	logged("blocked", r.blocked, r.blockedPerCPU)
	stalled := cached("qubesbeat-stalled") / ours
	add(stalled >= 0.6, "an output that takes nothing: x%.2f the rate without a log (0.6 asked: the entries are made and counted)", stalled)
	m := r.memory
	add(m.ready.Seconds() < 5, "a million names loaded %.1f s after the start (5 asked)", m.ready.Seconds())
	add(m.cacheBytes <= 32 && m.limit <= 32, "the cache holds %.1f MB under a flood of random names (32 asked)", m.cacheBytes)
	add(m.flooded > 0 && m.flooded < 200, "the whole process with both: %.0f MB (200 asked)", m.flooded)
	return list
}

// beside demands that an earlier qubesbeat, where it was run, is not faster, less 5 %
// of noise: for the same CPU time, since dnsperf may be the slower one.
func (r *rates) beside(ours, before string, add func(ok bool, format string, args ...any)) {
	for _, load := range []struct {
		what string
		rate map[string][]float64
	}{{"cached", r.perCPU}, {"blocked", r.blockedPerCPU}} {
		if now, then := median(load.rate[ours]), median(load.rate[before]); now > 0 && then > 0 {
			add(now >= 0.95*then, "%s, %s: x%.2f the answers of %s for the same CPU time (0.95 asked)", load.what, ours, now/then, before)
		}
	}
}

// besideBlocky compares with the peer, where it is there.
func besideBlocky(times float64) string {
	if times == 0 {
		return ""
	}
	return fmt.Sprintf(", x%.1f blocky with its query log (or x4)", times)
}
