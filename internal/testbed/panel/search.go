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
	aggregations, err := l.aggregations(l.ColumnOrder)
	if err != nil {
		return nil, err
	}
	return object{"size": 0, "track_total_hits": true, "query": object{"bool": object{"filter": filter}}, "aggs": aggregations}, nil
}

// aggregations returns those of some columns, each bucket in the one before.
func (l *Layer) aggregations(order []string) (object, error) {
	if len(order) == 0 {
		return object{}, nil
	}
	id, c := order[0], l.Columns[order[0]]
	if !c.IsBucketed {
		return l.metrics(order)
	}
	inner, err := l.aggregations(order[1:])
	if err != nil {
		return nil, err
	}
	if by := c.Params.OrderBy; by != nil && by.Type == "column" { // Elasticsearch orders by what is right inside
		metric := l.Columns[by.ColumnID]
		if metric == nil {
			return nil, fmt.Errorf("%s is ordered by %q, which is no column", id, by.ColumnID)
		}
		if metric.OperationType != "count" {
			one, err := metric.metric()
			if err != nil {
				return nil, err
			}
			inner[by.ColumnID] = one
		}
	}
	bucket, err := c.bucket(l)
	if err != nil {
		return nil, err
	}
	bucket["aggs"] = inner
	return object{id: bucket}, nil
}

// bucket returns the aggregation of a bucket.
func (c *Column) bucket(l *Layer) (object, error) {
	switch {
	case c.OperationType == "date_histogram":
		least := 1
		if c.Params.IncludeEmptyRows {
			least = 0
		}
		return object{"date_histogram": object{"field": c.SourceField, "fixed_interval": "1d", "min_doc_count": least}}, nil
	case c.OperationType != "terms":
		return nil, fmt.Errorf("no translation of a bucket %q", c.OperationType)
	case len(c.Params.SecondaryFields) > 0:
		terms := []object{c.term(c.SourceField)}
		for _, field := range c.Params.SecondaryFields {
			terms = append(terms, c.term(field))
		}
		return object{"multi_terms": object{"terms": terms, "size": c.Params.Size, "order": c.order(l)}}, nil
	}
	terms := c.term(c.SourceField)
	terms["size"], terms["order"] = c.Params.Size, c.order(l)
	return object{"terms": terms}, nil
}

// term returns a field whose values make buckets.
func (c *Column) term(field string) object {
	t := object{"field": field}
	if c.Params.MissingBucket && c.DataType == "string" {
		t["missing"] = "__missing__"
	}
	return t
}

// order returns the order of buckets.
func (c *Column) order(l *Layer) object {
	by := c.Params.OrderBy
	switch {
	case by == nil || by.Type != "column":
		return object{"_key": c.Params.OrderDirection}
	case l.Columns[by.ColumnID] != nil && l.Columns[by.ColumnID].OperationType == "count":
		return object{"_count": c.Params.OrderDirection}
	}
	return object{by.ColumnID: c.Params.OrderDirection}
}

// metrics returns the aggregations of numbers. The browser computes rates from the
// columns that they refer to.
func (l *Layer) metrics(order []string) (object, error) {
	all := object{}
	for _, id := range order {
		c := l.Columns[id]
		if c.OperationType == "counter_rate" || c.OperationType == "count" {
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
