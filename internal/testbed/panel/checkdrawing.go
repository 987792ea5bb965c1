package panel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// labelColors are the labels of Qubes OS, as `qvm-prefs` spells them, with the colours of
// qubes-artwork.
var labelColors = map[string]string{
	"red": "#cc0000", "orange": "#f57900", "yellow": "#edd400", "green": "#73d216",
	"gray": "#555555", "blue": "#3465a4", "purple": "#75507b", "black": "#000000",
}

// drawing holds that a visualization shows the columns that there are.
func (c *checker) drawing(v *Lens, layer string, l *Layer) {
	var d drawing
	if err := strict(v.State.Visualization, &d); err != nil {
		c.want(false, "reading the visualization: %v", err)
		return
	}
	var shown []string
	switch v.VisualizationType {
	case "lnsMetric":
		shown = []string{d.MetricAccessor}
	case "lnsDatatable":
		for _, column := range d.Columns {
			shown = append(shown, column.ColumnID)
		}
	case "lnsXY":
		if c.want(len(d.Layers) == 1, "a chart with %d layers", len(d.Layers)); len(d.Layers) != 1 {
			return
		}
		s := d.Layers[0]
		d.LayerID, d.LayerType = s.LayerID, s.LayerType
		shown = c.series(&d, s, l)
	default:
		c.want(false, "the visualization %q has no translation", v.VisualizationType)
		return
	}
	c.want(d.LayerID == layer && d.LayerType == "data", "it draws the layer %q", d.LayerID)
	c.shown(shown, l)
}

// shown are all columns, but those that rates refer to.
func (c *checker) shown(ids []string, l *Layer) {
	for _, column := range l.Columns {
		ids = append(ids, column.References...)
	}
	slices.Sort(ids)
	want := slices.Sorted(maps.Keys(l.Columns))
	c.want(slices.Equal(ids, want), "it shows %q; want %q", ids, want)
}

// series returns the columns of a chart.
func (c *checker) series(d *drawing, s *series, l *Layer) []string {
	c.want(d.PreferredSeriesType == s.SeriesType && slices.Contains([]string{"bar_horizontal_stacked", "bar_stacked", "line"}, s.SeriesType),
		"it is a chart of the type %q", s.SeriesType)
	shown := append([]string{s.XAccessor}, s.Accessors...)
	for _, id := range s.Accessors {
		c.want(l.Columns[id] != nil && !l.Columns[id].IsBucketed, "%s is no metric", id)
	}
	x := l.Columns[s.XAccessor]
	c.want(x != nil && x.IsBucketed, "the axis is %q", s.XAccessor)
	c.want(x == nil || (x.OperationType == "date_histogram") != (s.SeriesType == "bar_horizontal_stacked"), "the axis %q under a chart of the type %q", s.XAccessor, s.SeriesType)
	if s.SplitAccessor == "" {
		return shown
	}
	split := l.Columns[s.SplitAccessor]
	if c.want(split != nil && split.IsBucketed, "it is split by %q", s.SplitAccessor); split != nil {
		isLabel := split.SourceField == "qube.label" || strings.HasSuffix(split.SourceField, ".label")
		c.want(!isLabel || s.ColorMapping != nil, "labels without colours")
	}
	if s.ColorMapping != nil {
		c.colors(s.ColorMapping)
	}
	return append(shown, s.SplitAccessor)
}

// colors must be the eight of Qubes, in the form that Kibana reads from 8.11 on and does
// not draw grey.
func (c *checker) colors(m *colors) {
	got := map[string]string{}
	for _, a := range m.Assignments {
		for _, value := range a.Rule.Values {
			got[value] = a.Color.ColorCode
		}
		c.want(a.Rule.Type == "matchExactly" && a.Color.Type == "colorCode" && a.Touched, "the colour of %q is %v", a.Rule.Values, a.Color)
	}
	c.want(maps.Equal(got, labelColors), "the colours are %v", got)
	other := fmt.Sprint(m.SpecialAssignments)
	c.want(other == "[{{other []} {loop } false}]", "other labels are %s", other)
	c.want(m.ColorMode.Type == "categorical" && m.PaletteID != "", "the colours are %q of %q", m.ColorMode.Type, m.PaletteID)
}
