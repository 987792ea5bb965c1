package cmd

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// pcapFound is what was looked for and found.
type pcapFound struct {
	wanted *packets.Wanted
	filter bool          // less than what was found is wanted
	around time.Duration // before and after the events, 0 for their flows only
	result *packetstore.Result
	store  string // its folder
	keeps  bool   // it is copied into kept/
}

// sum returns a line about what was written.
func (f *pcapFound) sum(done *packetstore.Copied) string {
	n := report.Counted(done.Packets, "packet")
	if want, known := f.expected(); known {
		n = fmt.Sprintf("%s of %s", report.Count(done.Packets), report.Counted(want, "packet"))
	}
	from := report.Counted(uint64(f.result.Segments), "segment")
	if done.Packets == 0 { // no file is written
		return fmt.Sprintf("%s from %s", n, from)
	}
	return fmt.Sprintf("%s, %s bytes, from %s", n, report.Count(uint64(done.Bytes)), from)
}

// expected returns how many packets the events have, and whether that is to be compared.
func (f *pcapFound) expected() (uint64, bool) {
	if f.filter {
		return 0, false
	}
	return f.wanted.Expected()
}

// shown is how many flows are listed.
const shown = 10

// flows returns lines about the flows that were found, each once.
func (f *pcapFound) flows() string {
	var b strings.Builder
	var order []packetstore.FlowInfo
	seen := map[packetstore.FlowInfo]*packetstore.FoundFlow{}
	for i := range f.result.Flows {
		one := f.result.Flows[i]
		if have := seen[one.FlowInfo]; have != nil {
			have.Last = later(have.Last, one.Last)
			continue
		}
		seen[one.FlowInfo] = &one
		order = append(order, one.FlowInfo)
	}
	for i, info := range order {
		if i == shown {
			fmt.Fprintf(&b, "and %s\n", report.Counted(uint64(len(order)-i), "more flow"))
			break
		}
		one := seen[info]
		fmt.Fprintf(&b, "%s: %s, %s to %s UTC\n", safetext.Line(qubeText(one.Qube)), ends(&info), stamp(one.First), one.Last.UTC().Format(time.TimeOnly))
	}
	return b.String()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// stamp returns a time to the second, in UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) }

// qubeText returns the name of a qube, or the interface for one that was not known.
func qubeText(qube string) string {
	if vif, ok := strings.CutPrefix(qube, "_"); ok {
		return "unknown (" + vif + ")"
	}
	return qube
}

// ends returns both ends of a flow.
func ends(f *packetstore.FlowInfo) string {
	proto, ok := map[uint8]string{1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}[f.Protocol]
	switch {
	case !ok:
		return fmt.Sprintf("%v -> %v protocol %d", f.Source, f.Destination, f.Protocol)
	case strings.HasSuffix(proto, "icmp"):
		return fmt.Sprintf("%v -> %v %s type %d code %d", f.Source, f.Destination, proto, f.SourcePort, f.DestinationPort)
	case f.Source.Is6():
		return fmt.Sprintf("[%v]:%d -> [%v]:%d %s", f.Source, f.SourcePort, f.Destination, f.DestinationPort, proto)
	}
	return fmt.Sprintf("%v:%d -> %v:%d %s", f.Source, f.SourcePort, f.Destination, f.DestinationPort, proto)
}

// gone says why no packet is there.
func (f *pcapFound) gone(r *packetstore.Reader) string {
	if text := f.removedOf(f.removals(r, true), r); text != "" {
		return "the packets are gone: " + text
	}
	if st, err := r.Status(); err == nil && f.wanted.Qube != "" && storedOf(st, f.wanted.Qube) == nil {
		if hint := vifHint(st, f.wanted.Qube); hint != "" {
			return "nothing is stored of " + f.wanted.Qube + hint
		}
	}
	if f.filter {
		return "there is no such packet"
	}
	text := "no such packets were stored"
	if q := f.wanted.Qube; q != "" {
		text += " of " + q
	}
	return text + ": its qube is excluded, the store was off, or they were lost (stats.packets says how many) or removed (qubesbeat pcap status; by somebody else, qubesbeat pcap verify)"
}

// lacking says what is not there, "" if all is.
func (f *pcapFound) lacking(r *packetstore.Reader, done *packetstore.Copied) string {
	var parts []string
	want, known := f.expected()
	switch {
	case !known:
		parts = f.absent(r)
	case done.Packets < want:
		parts = append(parts, fmt.Sprintf("%s of %s are missing", report.Count(want-done.Packets), report.Count(want)))
		if text := f.removed(r); text != "" {
			parts = append(parts, text)
		}
	}
	add := func(n uint64, form string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(form, report.Count(n)))
		}
	}
	for i := range done.Cuts {
		one := &done.Cuts[i]
		parts = append(parts, fmt.Sprintf("%s cut to the headers (%s, %s)", report.Counted(one.Packets, "packet"), one.Why, span(one.First, one.Last)))
	}
	if n := len(done.Damaged); n == 1 {
		parts = append(parts, "1 segment is damaged")
	} else {
		add(uint64(n), "%s segments are damaged")
	}
	if n := done.OtherLink; n > 0 {
		hint := "write into a file, not to standard output"
		if f.keeps {
			hint = "pcap get writes a file of each"
		}
		parts = append(parts, fmt.Sprintf("%s another link type; %s", countedHave(n), hint))
	}
	add(uint64(f.result.Unsearched), "%s segments cannot be searched by flow.id; use --community-id")
	if n := len(f.wanted.Skipped); n > 0 {
		parts = append(parts, report.Counted(uint64(n), "event")+" of no flow left out (--around 5m takes all packets of the qube)")
	}
	if done.Limited {
		parts = append(parts, "the file is full (--limit)")
	}
	return strings.Join(parts, "; ")
}

// absent says what of the range of time is not in the store, where the number of packets that
// belong there is not known.
func (f *pcapFound) absent(r *packetstore.Reader) (parts []string) {
	if text := f.removed(r); text != "" {
		parts = append(parts, text)
	}
	var lost uint64
	for i := range f.result.Flows {
		lost += f.result.Flows[i].Lost
	}
	switch {
	case lost > 0:
		parts = append(parts, report.Count(lost)+" of the flows could not be stored")
	case len(f.result.Flows) == 0 && f.result.Lost > 0:
		parts = append(parts, report.Counted(f.result.Lost, "packet")+" could not be stored while these segments were written")
	}
	return parts
}

// doubtful reports whether there may be packets in what could not be read, searched or written.
func (f *pcapFound) doubtful(done *packetstore.Copied) bool {
	return len(done.Damaged) > 0 || done.Limited || done.OtherLink > 0 || f.result.Unsearched > 0
}

// span returns a range of times, to the second, in UTC.
func span(first, last time.Time) string {
	if from, to := stamp(first), last.UTC().Format(time.TimeOnly); !strings.HasSuffix(from, to) {
		return from + " to " + to
	}
	return stamp(first)
}

// countedHave returns how many segments have something.
func countedHave(n int) string {
	if n == 1 {
		return "1 segment has"
	}
	return fmt.Sprintf("%d segments have", n)
}

// removals returns what the chain says of segments of the time that were removed. Where no time was
// asked for, that is what ages, and of interest only if nothing is left: ever.
func (f *pcapFound) removals(r *packetstore.Reader, ever bool) (lines []packetstore.Line) {
	queries := []*packetstore.Query{&f.wanted.Query}
	if f.around > 0 {
		queries = f.wanted.Around(f.around)
	}
	for _, q := range queries {
		if q.From.IsZero() && q.To.IsZero() && (!ever || q.Qube == "") {
			continue
		}
		for _, qube := range f.qubesOf(q) {
			if found, err := r.Removed(qube, q.From, q.To); err == nil {
				lines = append(lines, found...)
			}
		}
	}
	slices.SortFunc(lines, func(a, b packetstore.Line) int { return cmp.Compare(a.Number, b.Number) })
	return slices.Compact(lines)
}

// qubesOf returns the qube that a query is about, or those of the events.
func (f *pcapFound) qubesOf(q *packetstore.Query) []string {
	if q.Qube != "" || len(f.wanted.Events) == 0 {
		return []string{q.Qube}
	}
	var all []string
	for i := range f.wanted.Events {
		all = append(all, f.wanted.Events[i].Qube)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// removed says which segments of the time were removed, "" if none were.
func (f *pcapFound) removed(r *packetstore.Reader) string {
	return f.removedOf(f.removals(r, false), r)
}

// removedOf says which segments were removed.
func (f *pcapFound) removedOf(lines []packetstore.Line, r *packetstore.Reader) string {
	if len(lines) == 0 {
		return ""
	}
	l := &lines[len(lines)-1]
	text := fmt.Sprintf("%s was removed on %s UTC (%s)", safetext.Line(strings.TrimSuffix(l.Name, path.Ext(l.Name))), stamp(l.At), reasonText(l))
	if n := len(lines) - 1; n > 0 {
		text = fmt.Sprintf("%s, and %s of that time", text, report.Counted(uint64(n), "other"))
	}
	if first := f.oldest(r, packetstore.Qube(l.Name)); !first.IsZero() {
		text += fmt.Sprintf("; what is left of %s begins on %s UTC", safetext.Line(packetstore.Qube(l.Name)), stamp(first))
	}
	return text
}

// oldest returns the time of the first packet that is left of a qube, zero if none is.
func (f *pcapFound) oldest(r *packetstore.Reader, qube string) time.Time {
	st, err := r.Status()
	if err != nil {
		return time.Time{}
	}
	for i := range st.Qubes {
		if st.Qubes[i].Qube == qube {
			return st.Qubes[i].First
		}
	}
	return time.Time{}
}
