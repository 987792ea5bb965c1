package topview

import (
	"fmt"
	"slices"
	"strings"
)

// narrow is a width in which a destination has no room for its address beside its name.
const narrow = 60

// one returns the lines of the qube that is open.
func (m *Model) one(q *Qube, width int) []Line {
	title := safe(q.title())
	facts := wrap(about(q), width-len(title)-2)
	var space []Line // where there is room for it
	if width > narrow {
		space = []Line{nil}
	}
	lines := slices.Concat(space, []Line{{{Text: title, Style: Label, Label: q.Label}, {Text: "  " + facts[0]}}})
	for _, text := range append(facts[1:], slices.Concat(wrap(amount("out", q.Out), width), wrap(amount("in ", q.In), width), wrap(counts(q), width))...) {
		lines = append(lines, plain(Plain, text))
	}
	lines = append(lines, space...)
	lines = append(lines, plain(Title, pad(peerLine("DESTINATION", [...]string{"PROTO", "OUT/s", "IN/s", "OUT", "IN"}, width), width, false)))
	room, _ := peerRoom(width)
	peers := q.Peers
	if len(peers) == 0 && q.Top != nil {
		peers = []Peer{*q.Top}
	}
	for i := range peers {
		p := &peers[i]
		name := safe(p.Title())
		if p.Name != "" && width > narrow {
			name += " " + safe(p.Address)
		}
		lines = append(lines, plain(Plain, peerLine(cutFront(name, room), [...]string{safe(p.Transport), rate(p.Out.Rate), rate(p.In.Rate), short(p.Out.Bytes), short(p.In.Bytes)}, width)))
	}
	return lines
}

// about returns what the inventory says of a qube, and what is odd about it.
func about(q *Qube) string {
	var parts []string
	for _, part := range [...]string{q.Label, q.Class, q.NetVM, q.Interface, q.Address} {
		if part != "" {
			parts = append(parts, safe(part))
		}
	}
	if q.Spoofed {
		parts = append(parts, "!spoofed")
	}
	if q.Gone {
		parts = append(parts, "(gone)")
	}
	return strings.Join(parts, "  ")
}

// wrap returns a text as lines of at most some width, as long as its parts, which two spaces
// separate, are no longer. There is at least one line.
func wrap(text string, width int) (lines []string) {
	for _, part := range strings.Split(text, "  ") {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+2+len(part) <= width {
			lines[last] += "  " + part
			continue
		}
		lines = append(lines, part)
	}
	return lines
}

// amount returns a line about one direction.
func amount(way string, t Traffic) string {
	return fmt.Sprintf("%s  %sB/s  %s bytes in %s", way, rate(t.Rate), long(t.Bytes), packets(t.Packets))
}

// counts returns a line with the other counters, exactly.
func counts(q *Qube) string {
	text := fmt.Sprintf("flows %s live, %s begun", long(uint64(max(0, q.Flows))), long(q.Begun))
	if d := q.DNS; d != nil {
		text += fmt.Sprintf("  dns %s, %s blocked", long(d.Queries), long(d.Blocked))
	}
	if q.Refused != nil {
		text += "  refused " + long(*q.Refused)
	}
	text += "  findings " + long(q.Findings)
	if q.Verify != "" {
		text += "  verify " + safe(q.Verify)
	}
	return text
}

// peerLine returns a line of the destinations of a qube: the name takes what the numbers
// leave.
func peerLine(name string, cells [5]string, width int) string {
	room, proto := peerRoom(width)
	var b strings.Builder
	b.WriteString(pad(name, room, false) + " " + pad(cells[0], proto, false))
	for _, c := range cells[1:] {
		b.WriteString(pad(c, 6, true))
	}
	return b.String()
}

// peerRoom returns the widths of the name and the protocol of a destination.
func peerRoom(width int) (name, proto int) {
	proto = 9
	if width <= narrow {
		proto = 5
	}
	return max(8, width-1-proto-4*6), proto
}
