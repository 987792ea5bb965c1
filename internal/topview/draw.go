package topview

import (
	"fmt"
	"strings"
	"time"
)

// Draw returns the lines of a screen of some size, at most height of them and none longer
// than width.
func (m *Model) Draw(width, height int) []Line {
	if width <= 0 || height <= 0 {
		return nil
	}
	lines := []Line{m.head(width)}
	body := height - 2 // the head and the foot
	switch open := m.index(m.open); {
	case m.help:
		lines = append(lines, helpLines(width, height)...)
	case m.now == nil:
	case m.open != "" && open < 0:
		lines = append(lines, nil, plain(Warn, safe(m.open)+" is gone; press Esc for the table"))
	case m.open != "":
		lines = append(lines, m.one(&m.now.Qubes[open], width)...)
	default:
		lines = append(lines, m.table(width, body)...)
	}
	lines = lines[:min(len(lines), max(1, height-1))]
	for len(lines) < height-1 {
		lines = append(lines, nil)
	}
	if height > 1 {
		lines = append(lines, m.foot(width))
	}
	for i := range lines {
		lines[i] = lines[i].clip(width)
	}
	return lines
}

// head returns the first line. Where there is no room for all of it, the name of the program
// goes first, then the time, and the rates last.
func (m *Model) head(width int) Line {
	if m.now == nil {
		return plain(Plain, "qubesbeat top: waiting for the beat")
	}
	var out, in float64
	for i := range m.now.Qubes {
		out, in = out+m.now.Qubes[i].Out.Rate, in+m.now.Qubes[i].In.Rate
	}
	noun := "qubes"
	if len(m.now.Qubes) == 1 {
		noun = "qube"
	}
	var odd Line
	if m.now.KernelDrops > 0 {
		odd = append(odd, Span{Text: "  " + short(m.now.KernelDrops) + " frames dropped", Style: Warn})
	}
	if m.paused {
		odd = append(odd, Span{Text: "  "}, Span{Text: "PAUSED", Style: Chosen})
	}
	count, rates := fmt.Sprintf("%d %s", len(m.now.Qubes), noun), fmt.Sprintf("  out %sB/s  in %sB/s", rate(out), rate(in))
	clock := m.now.At.Local().Format(time.TimeOnly) + "  "
	return append(plain(Plain, fitting(width-len(odd.String()), "qubesbeat top  "+clock+count+rates, clock+count+rates, count+rates, count)), odd...)
}

// foot returns the last line.
func (m *Model) foot(width int) Line {
	switch {
	case m.fault != "":
		return plain(Warn, m.fault)
	case m.open != "":
		return plain(Plain, fitting(width, "Esc table  p pause  ? keys  q quit", "Esc table  q quit", "q quit"))
	}
	order := m.order.String()
	if m.reverse {
		order += " reversed"
	}
	return plain(Plain, fitting(width, "Enter open  s sort ("+order+")  r reverse  p pause  ? keys  q quit", "Enter open  s sort ("+order+")  ? keys  q quit",
		"s sort ("+order+")  ? keys  q quit", "? keys  q quit", "q quit"))
}

// fitting returns the first text that has room, or else the last.
func fitting(width int, texts ...string) string {
	for _, text := range texts {
		if len(text) <= width {
			return text
		}
	}
	return texts[len(texts)-1]
}

// table returns the lines of the table: the titles, and as many rows as there is room for.
func (m *Model) table(width, height int) []Line {
	qubes := m.now.Qubes
	m.rows = max(1, height-1)
	m.scroll()
	list, rest := layout(qubes, width)
	lines := []Line{plain(Title, pad(titles(list, rest), width, false))}
	if len(qubes) == 0 {
		return append(lines, plain(Plain, "no packets of a qube yet"))
	}
	for i := m.first; i < min(len(qubes), m.first+m.rows); i++ {
		label, numbers := row(&qubes[i], list, rest)
		if i == m.at() {
			lines = append(lines, plain(Chosen, pad(label+numbers, width, false)))
			continue
		}
		lines = append(lines, Line{{Text: label, Style: Label, Label: qubes[i].Label}, {Text: numbers}})
	}
	return lines
}

// scroll moves the table so that the selected row is in it.
func (m *Model) scroll() {
	at := m.at()
	m.first = min(m.first, at)
	m.first = max(m.first, at-m.rows+1)
	m.first = max(0, min(m.first, len(m.now.Qubes)-m.rows))
}

// Table returns the lines of a table of all rows, as wide as it has to be.
func Table(s *Snapshot) (lines []Line) {
	const room = 80 // for the top destination
	list, rest := layout(s.Qubes, 1<<10)
	rest = min(rest, room)
	lines = append(lines, plain(Title, strings.TrimRight(titles(list, rest), " ")))
	for i := range s.Qubes {
		label, numbers := row(&s.Qubes[i], list, rest)
		lines = append(lines, Line{{Text: label, Style: Label, Label: s.Qubes[i].Label}, {Text: strings.TrimRight(numbers, " ")}})
	}
	return lines
}
