package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Colour returns text with the escape sequences for the colour of a trust label.
func Colour(label, text string) string {
	if r, g, b, ok := qube.TerminalColor(label); ok {
		return fmt.Sprintf("\x1b[38;2;%d;%d;%dm%s\x1b[0m", r, g, b, text)
	}
	return text
}

// Table writes the tally as a table with one qube per line, in the colours of their labels
// if colour is set.
func (t *Tally) Table(w io.Writer, colour bool) error {
	rows := [][]string{{"QUBE", "LABEL", "FLOWS", "OUT", "IN", "TRANSACTIONS", "TOP DESTINATIONS"}}
	qubes := t.Qubes()
	for _, q := range qubes {
		rows = append(rows, q.row())
	}
	if t.Transactions == 0 {
		for i := range rows {
			rows[i] = slices.Delete(rows[i], transactionColumn, transactionColumn+1)
		}
	}
	widths := columnWidths(rows)
	for i, row := range rows {
		paint := func(s string) string { return s }
		if i > 0 && colour {
			paint = func(s string) string { return Colour(qubes[i-1].Label, s) }
		}
		if _, err := fmt.Fprintln(w, line(row, widths, paint)); err != nil {
			return fmt.Errorf("writing table: %w", err)
		}
	}
	return nil
}

func (q *QubeTally) row() []string {
	name, label := q.Name, q.Label
	if name == "" {
		name, label = "(unknown)", "-"
	}
	var peers []string
	for _, d := range q.Top(3) {
		peers = append(peers, fmt.Sprintf("%s (%s)", d.Name, Size(d.Bytes)))
	}
	top := strings.Join(peers, ", ")
	if q.Spoofed > 0 {
		top += fmt.Sprintf("  ! %d spoofed", q.Spoofed)
	}
	if q.Refused > 0 {
		top += fmt.Sprintf("  ! %d refused", q.Refused)
	}
	if q.Summarized > 0 {
		top += fmt.Sprintf("  ! %s events in summaries", Count(q.Summarized))
	}
	return []string{name, "● " + label, Count(uint64(q.Flows)), Size(q.Out), Size(q.In), strings.Join(q.Kinds(), ", "), top}
}

// transactionColumn is left out if there are no transactions.
const transactionColumn = 5

// columnWidths returns the widths of all columns but the last.
func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0])-1)
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	return widths
}

// line joins the cells of a row. Numbers are right-aligned. paint is applied to padded
// text, so that escape sequences do not count as width.
func line(row []string, widths []int, paint func(string) string) string {
	var b strings.Builder
	for i, cell := range row[:len(widths)] {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		switch {
		case i < 2:
			b.WriteString(paint(cell) + pad)
		case i < transactionColumn:
			b.WriteString(pad + cell)
		default:
			b.WriteString(cell + pad)
		}
		b.WriteString("  ")
	}
	b.WriteString(row[len(widths)])
	return strings.TrimRight(b.String(), " ")
}
