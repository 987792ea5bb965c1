package htmlreport

import "slices"

// optional are columns that are left out where all of their cells are empty.
var optional = []string{"Country", "Network", "Level", "List", "Rule", "How"}

// finish prepares a table for the page.
func (t *Table) finish() {
	for i := len(t.Head) - 1; i >= 0; i-- {
		if slices.Contains(optional, t.Head[i]) && !slices.ContainsFunc(t.Rows, func(row []Cell) bool { return row[i].Text != "" }) {
			t.Head = slices.Delete(t.Head, i, i+1)
			for r := range t.Rows {
				t.Rows[r] = slices.Delete(t.Rows[r], i, i+1)
			}
		}
	}
	t.Classes = make([]string, len(t.Head))
	for _, row := range t.Rows[:min(1, len(t.Rows))] {
		for i := range row {
			if len(row[i].Class) > 0 && row[i].Class[0] == 'n' {
				t.Classes[i] = "n"
			}
		}
	}
}

// finish prepares all tables of the page.
func (p *page) finish() {
	tables := []*Table{&p.Findings, &p.Verdicts, &p.Qubes, &p.Between, &p.Countries, &p.Egress, &p.Talkers, &p.Names, &p.Domains, &p.Lists, &p.Refused, &p.Changes, &p.Sensors, &p.Datasets}
	charts := []*Chart{p.Timeline}
	for i := range p.Pages {
		q := &p.Pages[i]
		tables = append(tables, &q.Peers, &q.Countries, &q.Networks, &q.Domains, &q.Names, &q.Refusals, &q.Transactions, &q.JA4, &q.Hours, &q.Findings, &q.Checks)
		charts = append(charts, q.Timeline)
	}
	for _, c := range charts {
		if c != nil {
			tables = append(tables, &c.Table)
		}
	}
	for _, t := range tables {
		t.finish()
	}
}
