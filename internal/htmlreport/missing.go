package htmlreport

import (
	"fmt"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Item is a thing that is missing in the report, or a number that says that nothing is.
type Item struct {
	Text string
	Bad  bool
}

// always are the losses that are reported if there are none, too.
var always = map[string]bool{"capture.kernel_drops": true, "events.queue_dropped_final": true}

// missing says what the events do not say.
func (b *builder) missing() (items []Item) {
	add := func(n uint64, bad bool, what string) {
		if n > 0 {
			items = append(items, Item{report.Count(n) + " " + what, bad})
		}
	}
	defer func() {
		if !slices.ContainsFunc(items, func(i Item) bool { return i.Bad }) {
			items = append([]Item{{"Nothing was lost", false}}, items...)
		}
	}()
	if len(b.Sessions) == 0 {
		items = append(items, Item{"no stats event: what the beat has lost is not known", true})
	}
	for _, c := range analysis.LossCounters {
		n, ok := b.Lost(c.Path)
		if ok && n == 0 && always[c.Path] {
			items = append(items, Item{"0 " + c.Text, false})
		}
		add(n, c.Path != "capture.non_ip_frames", c.Text) // ARP is no loss
	}
	if b.Total.Flows > 0 && !slices.ContainsFunc(b.all, func(q *analysis.Qube) bool { return q.Name != "" }) {
		items = append(items, Item{"no event names a qube: there was no inventory, or it is a file of packetbeat", true})
	}
	unreadable := uint64(0)
	for _, f := range b.Files {
		unreadable += f.Unreadable
		if f.SHA256 == "" {
			items = append(items, Item{fmt.Sprintf("%s was not read to its end", safetext.Line(f.Name)), true})
		}
		if f.Events == 0 && b.Excluded == 0 {
			items = append(items, Item{fmt.Sprintf("%s has no event", safetext.Line(f.Name)), true})
		}
		if f.IsDelta {
			items = append(items, Item{fmt.Sprintf("%s has delta reports: all its events count", safetext.Line(f.Name)), false})
		}
	}
	items = append(items, Item{report.Counted(unreadable, "line") + " unreadable", unreadable > 0})
	add(b.Summarized, true, "events are in summaries only, because their qubes had used their share: sums include them, tables do not")
	add(b.Excluded, false, "events were not selected")
	add(b.OtherQubes, true, "events are about more qubes than a thousand, which are one row")
	return append(items, b.parts()...)
}

// parts says which parts of the beat did not run.
func (b *builder) parts() (items []Item) {
	for _, p := range [...]struct {
		name, part string
		n          uint64
	}{{"resolver", "resolver", b.Queries}, {"firewall", "firewall", b.Refused}, {"packet store", "packets", 0}} {
		if len(b.Sessions) > 0 && !b.Runs(p.part) && p.n == 0 {
			items = append(items, Item{p.name + ": not running", false})
		}
	}
	if b.Interim > 0 {
		items = append(items, Item{report.Count(b.Interim) + " interim reports are not added up: final ones repeat their counters", false})
	}
	return items
}
