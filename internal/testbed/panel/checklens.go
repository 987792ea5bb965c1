package panel

import (
	"slices"
	"strings"
)

// datasets are those whose events carry a number of their own, which is what to add up.
var datasets = []string{"flow", "qubesbeat.dns", "qubesbeat.firewall", "qubesbeat.finding", "qubesbeat.verify", "qubesbeat.inventory", "qubesbeat.summary", "qubesbeat.stats"}

func (c *checker) lens(p *Panel, v *Lens) {
	name, l := v.layer()
	if c.want(l != nil && v.Type == "lens", "there is not exactly one layer"); l == nil {
		return
	}
	reference := "indexpattern-datasource-layer-" + name
	c.names[p.PanelIndex+":"+reference] = true
	c.want(len(v.References) == 1 && v.References[0] == Reference{c.Pattern, "index-pattern", reference}, "its references are %v", v.References)
	c.want(len(v.State.Filters)+len(v.State.InternalReferences) == 0, "it has filters or data views of its own")
	c.query(v.State.Query)
	c.layer(l)
	c.drawing(v, name, l)
}

// query must name the kind of events, and of flows those that close their counters.
func (c *checker) query(q Query) {
	conditions, err := parseKQL(q.Query)
	if c.want(err == nil && q.Language == "kuery", "the query in %q: %v", q.Language, err); err != nil {
		return
	}
	dataset, final := "", false
	for _, one := range conditions {
		kind := c.field(one.field)
		c.want(kind != "boolean" || len(one.values) == 1 && !one.quoted && (one.values[0] == "true" || one.values[0] == "false"), "%s is true or false", one.field)
		if one.field == "event.dataset" && len(one.values) == 1 {
			dataset = one.values[0]
		}
		final = final || one.field == "flow.final" && slices.Equal(one.values, []string{"true"}) && !one.not
	}
	c.want(slices.Contains(datasets, dataset), "the dataset is %q", dataset)
	c.want(dataset != "flow" || final, "sums over interim events count packets twice")
}

// maxRows is what a search may have of buckets, search.max_buckets of Elasticsearch.
const maxRows = 65_535

func (c *checker) layer(l *Layer) {
	c.want(len(l.ColumnOrder) == len(l.Columns) && len(l.Columns) > 0, "%d columns in order, of %d", len(l.ColumnOrder), len(l.Columns))
	metrics, fields, rows := false, []string(nil), 1
	for _, id := range l.ColumnOrder {
		column := l.Columns[id]
		if c.want(column != nil, "there is no column %q", id); column == nil {
			continue
		}
		c.want(column.Label != "", "column %s has no label", id)
		if !column.IsBucketed {
			metrics = true
			c.metric(l, id, column)
			continue
		}
		c.want(!metrics, "bucket %s stands behind a metric", id)
		fields = append(append(fields, column.SourceField), column.Params.SecondaryFields...)
		rows *= max(column.Params.Size, 1)
		c.bucket(l, id, column)
	}
	c.want(metrics, "there is no metric")
	c.want(rows <= maxRows, "there may be %d rows", rows)
	for _, field := range []string{"qube.name", "source.qube.name"} {
		c.want(!slices.Contains(fields, field) || slices.Contains(fields, "observer.name"), "the qubes of two sensors are one by %s", field)
	}
}

// words of Lens for the types of fields that have values to count.
var lensTypes = map[string]string{"keyword": "string", "ip": "ip", "boolean": "boolean", "long": "number", "date": "date"}

func (c *checker) bucket(l *Layer, id string, column *Column) {
	kind, p := c.field(column.SourceField), &column.Params
	switch column.OperationType {
	case "date_histogram":
		c.want(kind == "date" && column.DataType == "date" && column.Scale == "interval" && p.Interval == "auto", "%s is no time, or not automatic", id)
		return
	case "terms":
	default:
		c.want(false, "%s is %q, which has no translation", id, column.OperationType)
		return
	}
	format := "terms"
	for _, field := range p.SecondaryFields {
		c.want(c.field(field) == "keyword", "%s of %s is no keyword", field, id)
		format = "multi_terms"
	}
	c.want(lensTypes[kind] == column.DataType && kind != "date", "%s shows %s, which is a %s, as %s", id, column.SourceField, kind, column.DataType)
	c.want(p.Size > 0 && p.Size <= 50, "%s shows %d values", id, p.Size)
	c.want(p.ParentFormat != nil && p.ParentFormat.ID == format && column.Scale == "ordinal", "%s has the format %v", id, p.ParentFormat)
	c.want(!p.MissingBucket || p.OtherBucket && kind == "keyword", "%s shows what is missing without what is left, or of a %s", id, kind)
	c.order(l, id, p.OrderBy, p.OrderDirection)
}

// order must be by a metric that Elasticsearch can order by.
func (c *checker) order(l *Layer, id string, by *OrderBy, direction string) {
	switch {
	case by == nil:
		c.want(false, "%s has no order", id)
	case by.Type == "alphabetical":
		c.want(direction == "asc", "%s is ordered backwards", id)
	default:
		metric := l.Columns[by.ColumnID]
		c.want(by.Type == "column" && metric != nil && !metric.IsBucketed && direction == "desc" &&
			slices.Contains([]string{"count", "sum", "max", "unique_count"}, metric.OperationType), "%s is ordered by %v", id, by)
	}
}

func (c *checker) metric(l *Layer, id string, column *Column) {
	c.want(column.DataType == "number" && column.Scale == "ratio", "%s is a %s", id, column.DataType)
	switch op := column.OperationType; op {
	case "count":
		c.want(column.SourceField == "___records___", "%s counts %s", id, column.SourceField)
	case "sum", "max", "percentile":
		kind := c.field(column.SourceField)
		c.want(kind == "long", "%s: a %s of %s, which is a %s", id, op, column.SourceField, kind)
		c.want(op != "percentile" || column.Params.Percentile > 0 && column.Params.Percentile < 100, "%s is the percentile %d", id, column.Params.Percentile)
		c.want(op != "sum" || !isCounter(column.SourceField), "%s adds up %s, which is a total already", id, column.SourceField)
	case "unique_count":
		kind := c.field(column.SourceField)
		c.want(kind == "keyword" || kind == "ip", "%s counts the values of %s, which is a %s", id, column.SourceField, kind)
	case "counter_rate":
		ok := len(column.References) == 1 && l.Columns[column.References[0]] != nil && column.SourceField == ""
		c.want(ok && column.TimeScale != "", "%s refers to %q in %q", id, column.References, column.TimeScale)
		c.want(ok && l.Columns[column.References[0]].OperationType == "max", "%s is the rate of no highest value", id)
		c.want(l.hasTime(), "%s is a rate without spans of time", id)
	default:
		c.want(false, "%s is %q, which has no translation", id, op)
	}
}

// isCounter reports whether a field counts since the start of the beat.
func isCounter(field string) bool { return strings.HasPrefix(field, "stats.") }

// hasTime reports whether there is a bucket of spans of time.
func (l *Layer) hasTime() bool {
	for _, c := range l.Columns {
		if c.OperationType == "date_histogram" {
			return true
		}
	}
	return false
}
