package htmlreport

import (
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
)

// Size of a chart, in the units of its viewBox.
const (
	chartWidth  = 900
	chartHeight = 120
	markHeight  = 6
)

// Chart is a timeline as SVG, with the same as a table.
type Chart struct {
	Bars   []Path // of one class each
	Marks  []Path
	Legend []Path // without Data
	Width  int
	Height int
	Top    string // what the highest bar stands for
	From   string
	To     string
	Step   string
	Table  Table
}

// Path is the outline of all bars of one kind.
type Path struct{ Class, Name, Data string }

// bins are those of a timeline, joined to at most so many.
func bins(t *analysis.Timeline, most int) (all []analysis.Bin, join int) {
	_, n := t.Start()
	join = max(1, (n+most-1)/most)
	for i := range n {
		bin := t.Bin(i)
		if i%join == 0 {
			all = append(all, bin)
			continue
		}
		last := &all[len(all)-1]
		for l := range bin.Bytes {
			last.Bytes[l] += bin.Bytes[l]
		}
		last.Out, last.In = last.Out+bin.Out, last.In+bin.In
		last.Refused, last.Denied, last.Alerts = last.Refused+bin.Refused, last.Denied+bin.Denied, last.Alerts+bin.Alerts
	}
	return all, join
}

// series are the bars of a chart, from the bottom of a bin to its top.
type series struct {
	class, name string
	value       func(*analysis.Bin) uint64
}

// labelSeries are bytes by trust label.
func labelSeries() (all []series) {
	for i := range len(analysis.Labels) + 1 {
		s := series{"l-other", "other labels", func(b *analysis.Bin) uint64 { return b.Bytes[i] }}
		if i < len(analysis.Labels) {
			s.class, s.name = "l-"+analysis.Labels[i], analysis.Labels[i]
		}
		all = append(all, s)
	}
	return all
}

// qubeSeries are the bytes of one qube.
func qubeSeries() []series {
	return []series{{"c-out", "out", func(b *analysis.Bin) uint64 { return b.Out }}, {"c-in", "in", func(b *analysis.Bin) uint64 { return b.In }}}
}

// marks are shown below the bars.
func marks() []series {
	return []series{
		{"m-refused", "refused packets", func(b *analysis.Bin) uint64 { return b.Refused }},
		{"m-denied", "denied queries", func(b *analysis.Bin) uint64 { return b.Denied }},
		{"m-alert", "alerts", func(b *analysis.Bin) uint64 { return b.Alerts }},
	}
}

// chart draws a timeline. It returns nil if there is nothing to draw.
func (b *builder) chart(t *analysis.Timeline, most int, kinds []series) *Chart {
	all, join := bins(t, most)
	if len(all) == 0 {
		return nil
	}
	used := inUse(all, kinds)
	used = append(used, inUse(all, marks())...)
	if len(used) == 0 {
		return nil
	}
	c := &Chart{Width: chartWidth, Height: chartHeight + 3*(markHeight+2)}
	start, _ := t.Start()
	step := t.Step() * ticks(join)
	c.From, c.To, c.Step = b.stamp(start), b.stamp(start.Add(step*ticks(len(all)))), stepText(step)
	c.drawBars(all, inUse(all, kinds))
	c.drawMarks(all)
	b.chartTable(c, all, used, func(i int) Cell { return b.when(start.Add(step * ticks(i))) })
	return c
}

// inUse returns the series that are not zero everywhere.
func inUse(all []analysis.Bin, kinds []series) (used []series) {
	for _, k := range kinds {
		for i := range all {
			if k.value(&all[i]) > 0 {
				used = append(used, k)
				break
			}
		}
	}
	return used
}

// drawBars stacks the series in each bin.
func (c *Chart) drawBars(all []analysis.Bin, kinds []series) {
	most := uint64(1)
	for i := range all {
		sum := uint64(0)
		for _, k := range kinds {
			sum += k.value(&all[i])
		}
		most = max(most, sum)
	}
	c.Top = report.Size(most)
	paths := make([]strings.Builder, len(kinds))
	for i := range all {
		below := 0.0
		for j, k := range kinds {
			h := float64(k.value(&all[i])) / float64(most) * chartHeight
			drawBar(&paths[j], i, len(all), chartHeight-below-h, h)
			below += h
		}
	}
	for j, k := range kinds {
		p := Path{k.class, k.name, paths[j].String()}
		c.Bars, c.Legend = append(c.Bars, p), append(c.Legend, Path{Class: k.class, Name: k.name})
	}
}

// drawMarks draws a row of marks for each kind.
func (c *Chart) drawMarks(all []analysis.Bin) {
	for j, k := range marks() {
		var path strings.Builder
		for i := range all {
			if k.value(&all[i]) > 0 {
				drawBar(&path, i, len(all), float64(chartHeight+2+j*(markHeight+2)), markHeight)
			}
		}
		if path.Len() > 0 {
			c.Marks, c.Legend = append(c.Marks, Path{k.class, k.name, path.String()}), append(c.Legend, Path{Class: k.class, Name: k.name})
		}
	}
}

// drawBar appends the outline of the bar of one bin of n.
func drawBar(b *strings.Builder, i, n int, y, height float64) {
	if height <= 0 {
		return
	}
	from := float64(i) * chartWidth / float64(n)
	width := max(float64(chartWidth)/float64(n)-0.5, 0.5)
	for _, part := range []struct {
		op string
		x  float64
	}{{"M", from}, {" ", y}, {"h", width}, {"v", height}, {"h", -width}} {
		b.WriteString(part.op + strconv.FormatFloat(part.x, 'f', 1, 64))
	}
	b.WriteString("z")
}

// chartTable makes the table with the same numbers. Empty bins have no row.
func (b *builder) chartTable(c *Chart, all []analysis.Bin, used []series, at func(int) Cell) {
	c.Table.Head = []string{"From"}
	for _, k := range used {
		c.Table.Head = append(c.Table.Head, strings.ToUpper(k.name[:1])+k.name[1:])
	}
	for i := range all {
		row, isEmpty := []Cell{at(i)}, true
		for _, k := range used {
			n := k.value(&all[i])
			isEmpty = isEmpty && n == 0
			row = append(row, chartCell(k, n))
		}
		if !isEmpty {
			c.Table.Rows = append(c.Table.Rows, row)
		}
	}
}

func chartCell(k series, n uint64) Cell {
	if strings.HasPrefix(k.class, "m-") {
		return number(n)
	}
	c := size(n)
	if n == 0 {
		c.Text = ""
	}
	return c
}
