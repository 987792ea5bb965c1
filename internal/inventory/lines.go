package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// fieldsMark begins the line that names the columns.
const fieldsMark = "#fields"

// A lineParser reads an inventory line by line.
type lineParser struct {
	*builder
	columns []column // nil until known
	named   bool     // a #fields line was read
	stopped bool     // going on would only repeat the last problem
	rows    int
}

// parseLines parses an inventory in lines into b.
func parseLines(data []byte, b *builder) {
	p := &lineParser{builder: b}
	if len(b.cfg.Fields) > 0 {
		p.setColumns(0, splitFields(strings.Join(b.cfg.Fields, "|")))
	}

	number := 0
	for line := range bytes.Lines(data) {
		if number++; p.stopped {
			return
		}

		p.line(number, line)
	}

	p.finish()
}

// line parses one line, including its end.
func (p *lineParser) line(number int, line []byte) {
	if len(line) > p.cfg.MaxLine {
		p.report(number, "", fmt.Errorf("the line is longer than %d bytes: leave columns out", p.cfg.MaxLine))
		return
	}

	text := string(bytes.TrimSpace(line))
	if fields, ok := cutFieldsMark(text); ok {
		p.header(number, fields)
	} else if text != "" && text[0] != '#' {
		p.row(number, text)
	}
}

// cutFieldsMark returns the names of the columns if text begins with the mark, in any case.
func cutFieldsMark(text string) (fields string, ok bool) {
	if len(text) < len(fieldsMark) || !strings.EqualFold(text[:len(fieldsMark)], fieldsMark) {
		return "", false
	}

	fields = text[len(fieldsMark):]
	return fields, fields == "" || strings.ContainsAny(fields[:1], " \t:")
}

// header parses a #fields line. It takes precedence over Config.Fields, since the inventory knows best what it holds.
func (p *lineParser) header(number int, fields string) {
	if p.named || p.rows > 0 {
		p.report(number, "", errors.New("a second #fields line, or one after the first qube: write one, before all qubes"))
		return
	}

	p.named = true
	if err := otherSeparator(fields); err != nil && !strings.Contains(fields, ",") { // as qvm-ls --fields has them
		p.stop(number, err)
		return
	}
	p.setColumns(number, splitFields(strings.TrimPrefix(fields, ":")))
}

// setColumns sets the columns of the following rows.
func (p *lineParser) setColumns(number int, fields []string) {
	columns, errs := layout(fields)
	for _, err := range errs {
		p.report(number, "", err)
	}

	p.columns, p.stopped = columns, len(errs) > 0
}

// row parses one qube.
func (p *lineParser) row(number int, text string) {
	cells := strings.Split(text, "|")
	if p.columns == nil {
		p.guess(number, cells)
	}

	if p.stopped {
		return
	}

	p.rows++
	if err := otherSeparator(text); err != nil && len(p.columns) > 1 {
		p.stop(number, err)
		return
	}
	if len(cells) != len(p.columns) {
		p.report(number, "", fmt.Errorf("the line has %d columns instead of %d: write all of them in every line",
			len(cells), len(p.columns)))
		return
	}

	r := &record{line: number}
	for i, cell := range p.columns {
		if to := cell(r); to != nil {
			*to = strings.TrimSpace(cells[i])
		}
	}

	p.stopped = !p.add(r)
}

// guess derives the columns from their number in the first row.
func (p *lineParser) guess(number int, cells []string) {
	var fields []string
	for _, c := range readColumns()[:defaultColumns] {
		fields = append(fields, c.name)
	}

	switch err := otherSeparator(strings.Join(cells, "|")); {
	case err != nil:
		p.stop(number, err)
	case isTable(cells):
		p.stop(number, errors.New("this is a table for people to read: add --raw-data to qvm-ls"))
	case isHeader(cells):
		p.stop(number, errors.New("this line names the columns: begin it with \"#fields \""))
	case len(cells) == 2:
		p.setColumns(number, []string{"NAME", "IP"})
	case len(cells) == defaultColumns:
		p.setColumns(number, fields)
	default:
		p.stop(number, fmt.Errorf("the line has %d columns, which are not named: add a first line with their names, "+
			"such as \"#fields %s\"", len(cells), strings.Join(fields, "|")))
	}
}

// isTable reports whether a line without separators begins like a table of qvm-ls.
func isTable(cells []string) bool {
	return len(cells) == 1 && strings.HasPrefix(cells[0], "NAME ")
}

// isHeader reports whether all cells are names of columns, which is true of no qube.
func isHeader(cells []string) bool {
	return len(cells) > 1 && len(cells) <= maxColumns && !slices.ContainsFunc(cells, func(name string) bool {
		_, err := findColumn(strings.TrimSpace(name))
		return err != nil
	})
}

// stop reports a problem that makes the rest meaningless.
func (p *lineParser) stop(number int, err error) {
	p.report(number, "", err)
	p.stopped = true
}

// finish reports problems of the inventory as a whole.
func (p *lineParser) finish() {
	switch {
	case p.stopped:
	case p.rows == 0 && p.problems.count == 0:
		p.report(0, "", errors.New("the inventory has no qubes: push it again, or push "+
			"{\"version\":1,\"qubes\":[]} if there really is none"))
	case p.isHollow():
		p.report(0, "", errors.New("no qube has an address: is the second column IP? (qvm-ls prints '-' in every row "+
			"for a column that it does not know)"))
	}
}

// isHollow reports whether the second of two columns, taken for IP by default, is empty in every row.
func (p *lineParser) isHollow() bool {
	return !p.named && len(p.cfg.Fields) == 0 && len(p.columns) == 2 && len(p.addrs) == 0 && p.problems.count == 0
}
