package htmlreport

import "github.com/qubesbeat/qubesbeat/internal/analysis"

// verdicts is the table of `qubesbeat verify`.
func (b *builder) verdicts() Table {
	t := Table{Head: []string{"Verdict", "Check", "What", "Qube", "Label", "Since", "Fails", "Reason"}}
	rows := b.Verdicts.Top(b.top)
	for _, v := range rows {
		name := b.qube(v.Qube)
		if v.Qube.Name == "" {
			name = text(v.Subject)
			name.of = v.Qube
		}
		t.Rows = append(t.Rows, []Cell{verdictWord(v), short(v.Check), text(v.Title), name, label(v.Qube), b.when(v.Since), number(v.Fails), sentence(v.Reason)})
	}
	t.More = more(b.Verdicts.Len()-len(rows), b.Verdicts.Dropped, "verdicts")
	return t
}

// checksOf is the table of the last verdicts about one qube.
func (b *builder) checksOf(q *analysis.Qube) Table {
	t := Table{Head: []string{"Verdict", "Check", "What", "Since", "Fails", "Reason"}}
	rows := b.judged[q][:b.limit(len(b.judged[q]))]
	for _, v := range rows {
		t.Rows = append(t.Rows, []Cell{verdictWord(v), short(v.Check), text(v.Title), b.when(v.Since), number(v.Fails), sentence(v.Reason)})
	}
	t.More = more(len(b.judged[q])-len(rows), 0, "verdicts")
	return t
}

func verdictWord(v *analysis.Verdict) Cell {
	if v.State == "" {
		return short(v.Verdict)
	}
	return short(v.Verdict + " (" + v.State + ")")
}
