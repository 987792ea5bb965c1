package htmlreport

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// File is a table as a file of comma-separated values.
type File struct {
	Name  string // such as "qubes.csv"
	table Table
}

// Files returns all tables with all of their rows. Numbers are written out, times are in
// UTC, and text is as [safetext.Cell] makes it, so that a spreadsheet takes none of it for
// a formula.
func Files(a *analysis.Analysis) []File {
	b := newBuilder(a, time.UTC, -1)
	egress, _ := b.egress()
	_, countries := b.world()
	files := []File{
		{"qubes.csv", b.qubes()}, {"peers.csv", b.talkers()}, {"between.csv", b.between()}, {"egress.csv", egress}, {"countries.csv", countries}, {"names.csv", b.names(a.Names)},
		{"domains.csv", b.names(a.Domains)}, {"lists.csv", b.counts(a.Lists, "List", "Denied")}, {"refused.csv", b.refused()}, {"findings.csv", b.findings()},
		{"verdicts.csv", b.verdicts()}, {"inventory.csv", b.changes()}, {"sensors.csv", b.sensors()}, {"events.csv", b.counts(a.Datasets, "Kind", "Events")},
		{"missing.csv", b.missingTable()},
	}
	timeline := Table{Head: []string{"From"}}
	if c := b.chart(a.Timeline, analysis.Bins, labelSeries()); c != nil {
		timeline = c.Table
	}
	return append(files, File{"timeline.csv", timeline})
}

// missingTable is what is missing as a table: the same as in the page, so that a file of
// sums is not taken for all there was.
func (b *builder) missingTable() Table {
	t := Table{Head: []string{"Loss", "What"}}
	for _, item := range b.missing() {
		isLoss := "no"
		if item.Bad {
			isLoss = "yes"
		}
		t.Rows = append(t.Rows, []Cell{word(isLoss), word(item.Text)})
	}
	return t
}

// Write writes the file.
func (f *File) Write(w io.Writer) error {
	out := csv.NewWriter(w)
	head := make([]string, len(f.table.Head))
	for i, name := range f.table.Head {
		head[i] = safetext.Cell(name) // places of events are among them
	}
	at := slices.IndexFunc(f.table.Head, func(s string) bool { return s == "Qube" || s == "Seen at" })
	if at >= 0 {
		head = append(head, "Host", "UUID") // a name alone is not a qube
	}
	_ = out.Write(head) // the writer keeps its first error
	for _, row := range f.table.Rows {
		cells := make([]string, len(row))
		for i := range row {
			cells[i] = safetext.Cell(row[i].raw)
		}
		if at >= 0 {
			q := row[at].of
			cells = append(cells, safetext.Cell(q.Host), safetext.Cell(q.UUID))
		}
		_ = out.Write(cells)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing %s: %w", f.Name, err)
	}
	return nil
}
