package htmlreport

import (
	"cmp"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// egressColumns is how many places have a column.
const egressColumns = 10

// egress is the table of qubes by the places that their traffic goes to: countries if any
// is known, else domains and networks.
func (b *builder) egress() (t Table, byCountry bool) {
	places := func(q *analysis.Qube) *analysis.Places { return q.Domains }
	for _, q := range b.all {
		if q.Countries.Len() > 0 {
			places, byCountry = func(q *analysis.Qube) *analysis.Places { return q.Countries }, true
		}
	}
	columns, most := b.columns(places)
	t.Head = []string{"Qube", "Label"}
	for _, c := range columns {
		t.Head = append(t.Head, text(c).Text)
	}
	t.Head = append(t.Head, "Other places")
	for _, q := range b.all[:b.limit(len(b.all))] {
		if row := b.egressRow(q, places(q), columns, most); row != nil {
			t.Rows = append(t.Rows, row)
		}
	}
	return t, byCountry
}

// columns returns the places with the most bytes, and the largest number of bytes of one
// qube to one of them.
func (b *builder) columns(places func(*analysis.Qube) *analysis.Places) (names []string, most uint64) {
	sums := map[string]uint64{}
	for _, q := range b.all {
		for _, p := range places(q).Top(1000) {
			sums[p.Name] += p.Bytes()
			names = append(names, p.Name)
			most = max(most, p.Bytes())
		}
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Or(cmp.Compare(sums[y], sums[x]), cmp.Compare(x, y)) })
	names = slices.Compact(names)
	return names[:min(len(names), egressColumns)], most
}

// egressRow is the row of a qube, nil if nothing of it leaves.
func (b *builder) egressRow(q *analysis.Qube, places *analysis.Places, columns []string, most uint64) []Cell {
	bytes := map[string]uint64{}
	sum := places.Sum()
	rest := sum.Bytes()
	if rest == 0 {
		return nil
	}
	for _, p := range places.Top(-1) {
		bytes[p.Name] = p.Bytes()
	}
	row := []Cell{b.qube(q), label(q)}
	for _, name := range columns {
		n := bytes[name]
		rest -= n
		row = append(row, heatCell(n, most))
	}
	return append(row, heatCell(rest, most))
}

// heatCell is a number of bytes on a shade.
func heatCell(n, most uint64) Cell {
	c := size(n)
	if n == 0 {
		c.Text = ""
		return c
	}
	c.Class = "n " + heat(n, most)
	return c
}

// hours is the table of bytes by weekday and hour.
func (b *builder) hours(q *analysis.Qube) Table {
	t := Table{Head: make([]string, 1, 25)}
	for h := range 24 {
		t.Head = append(t.Head, report.Count(uint64(h)))
	}
	most := uint64(0)
	for d := range q.Hours {
		most = max(most, slices.Max(q.Hours[d][:]))
	}
	for i := range 7 {
		d := (i + 1) % 7 // from Monday
		row := []Cell{word([...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}[d])}
		for _, n := range q.Hours[d] {
			row = append(row, heatCell(n, most))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
