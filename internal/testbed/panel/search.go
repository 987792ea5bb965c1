package panel

import (
	"errors"
	"fmt"
)

// object is a JSON object.
type object = map[string]any

// Search returns the body of the search that a panel sends, for all times. Beside each
// metric stands the number of values that it is made of, as "metric#values".
func (p *Panel) Search() (map[string]any, error) {
	v := p.EmbeddableConfig.Attributes
	if v == nil {
		return nil, errors.New("the panel has no search")
	}
	_, l := v.layer()
	if l == nil {
		return nil, errors.New("the visualization has not one layer")
	}
	conditions, err := parseKQL(v.State.Query.Query)
	if err != nil {
		return nil, err
	}
	filter := []object{{"range": object{"@timestamp": object{"lte": "now+10y"}}}}
	for _, c := range conditions {
		filter = append(filter, c.search())
	}
	aggregations, err := l.aggregations(l.levels())
	if err != nil {
		return nil, err
	}
	return object{"size": 0, "track_total_hits": true, "query": object{"bool": object{"filter": filter}}, "aggs": aggregations}, nil
}

// level is a field whose values make buckets, each in one of the level before.
type level struct {
	id     string // of the aggregation
	field  string
	column *Column
}

// levels returns the buckets, the outer ones first. Lens asks for several fields of one
// column by the aggregation multi_terms, which is in a module of Elasticsearch that is not
// on Maven Central; a level for each field finds the same combinations.
func (l *Layer) levels() (all []level) {
	for _, id := range l.ColumnOrder {
		c := l.Columns[id]
		if !c.IsBucketed {
			break
		}
		all = append(all, level{id, c.SourceField, c})
		for i, field := range c.Params.SecondaryFields {
			all = append(all, level{fmt.Sprintf("%s+%d", id, i), field, c})
		}
	}
	return all
}

// aggregations returns those of some levels and the metrics inside.
func (l *Layer) aggregations(levels []level) (object, error) {
	if len(levels) == 0 {
		return l.metrics()
	}
	inner, err := l.aggregations(levels[1:])
	if err != nil {
		return nil, err
	}
	at := &levels[0]
	if by := at.column.Params.OrderBy; by != nil && by.Type == "column" { // Elasticsearch orders by what is right inside
		metric := l.Columns[by.ColumnID]
		if metric == nil {
			return nil, fmt.Errorf("%s is ordered by %q, which is no column", at.id, by.ColumnID)
		}
		if metric.OperationType != "count" {
			if inner[by.ColumnID], err = metric.metric(); err != nil {
				return nil, err
			}
		}
	}
	bucket, err := l.bucket(at)
	if err != nil {
		return nil, err
	}
	bucket["aggs"] = inner
	return object{at.id: bucket}, nil
}

// bucket returns the aggregation of a level.
func (l *Layer) bucket(at *level) (object, error) {
	p := &at.column.Params
	switch at.column.OperationType {
	case "date_histogram":
		least := 1
		if p.IncludeEmptyRows {
			least = 0
		}
		return object{"date_histogram": object{"field": at.field, "fixed_interval": "1d", "min_doc_count": least}}, nil
	case "terms":
		terms := object{"field": at.field, "size": p.Size, "order": l.order(at.column)}
		if p.MissingBucket {
			terms["missing"] = "__missing__"
		}
		return object{"terms": terms}, nil
	}
	return nil, fmt.Errorf("no translation of a bucket %q", at.column.OperationType)
}

// order returns the order of buckets.
func (l *Layer) order(c *Column) object {
	by := c.Params.OrderBy
	switch {
	case by == nil || by.Type != "column":
		return object{"_key": c.Params.OrderDirection}
	case l.Columns[by.ColumnID].OperationType == "count":
		return object{"_count": c.Params.OrderDirection}
	}
	return object{by.ColumnID: c.Params.OrderDirection}
}

// metrics returns the aggregations of numbers. The browser computes rates from the
// columns that they refer to.
func (l *Layer) metrics() (object, error) {
	all := object{}
	for id, c := range l.Columns {
		if c.IsBucketed || c.OperationType == "counter_rate" || c.OperationType == "count" {
			continue
		}
		one, err := c.metric()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		all[id] = one
		all[id+"#values"] = object{"value_count": object{"field": c.SourceField}}
	}
	return all, nil
}

// metric returns the aggregation of a number.
func (c *Column) metric() (object, error) {
	field := object{"field": c.SourceField}
	switch c.OperationType {
	case "sum", "max":
		return object{c.OperationType: field}, nil
	case "unique_count":
		return object{"cardinality": field}, nil
	case "percentile":
		field["percents"] = []int{c.Params.Percentile}
		return object{"percentiles": field}, nil
	}
	return nil, fmt.Errorf("no translation of %q", c.OperationType)
}
