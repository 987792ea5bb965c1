package topview

import (
	"fmt"
	"strings"
)

// one returns the lines of the qube that is open.
func (m *Model) one(q *Qube, width int) []Line {
	lines := []Line{nil, {{Text: safe(q.title()), Style: Label, Label: q.Label}, {Text: "  " + about(q)}},
		plain(Plain, amount("out", q.Out)), plain(Plain, amount("in ", q.In)), plain(Plain, counts(q)), nil}
	lines = append(lines, plain(Title, pad(peerLine("DESTINATION", [...]string{"PROTO", "OUT/s", "IN/s", "OUT", "IN"}, width), width, false)))
	peers := q.Peers
	if len(peers) == 0 && q.Top != nil {
		peers = []Peer{*q.Top}
	}
	for i := range peers {
		p := &peers[i]
		name := safe(p.Title())
		if p.Name != "" {
			name += " " + safe(p.Address)
		}
		lines = append(lines, plain(Plain, peerLine(name, [...]string{safe(p.Transport), rate(p.Out.Rate), rate(p.In.Rate), short(p.Out.Bytes), short(p.In.Bytes)}, width)))
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

// amount returns a line about one direction.
func amount(way string, t Traffic) string {
	return fmt.Sprintf("%s  %sB/s  %s bytes in %s packets", way, rate(t.Rate), long(t.Bytes), long(t.Packets))
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
	const numbers = 9 + 4*6
	var b strings.Builder
	b.WriteString(pad(name, max(8, width-numbers-1), false))
	b.WriteString(" " + pad(cells[0], 9, false))
	for _, c := range cells[1:] {
		b.WriteString(pad(c, 6, true))
	}
	return b.String()
}
