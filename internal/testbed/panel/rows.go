package panel

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Answer is what Elasticsearch answers to a search.
type Answer struct {
	Hits struct {
		Total struct{ Value int }
	}
	Aggregations map[string]json.RawMessage
}

// Row is a row of a table, or what is drawn at a place of a chart: the keys of its
// buckets, and how many documents and values of each metric it is made of.
type Row struct {
	Keys      []string
	Documents int
	Values    map[string]int
}

// Fields returns the fields that the keys of a row are values of.
func (p *Panel) Fields() (fields []string) {
	_, l := p.EmbeddableConfig.Attributes.layer()
	for _, at := range l.levels() {
		fields = append(fields, at.field)
	}
	return fields
}

// Rows returns the rows of a panel that are made of documents.
func (p *Panel) Rows(a *Answer) (rows []Row, err error) {
	_, l := p.EmbeddableConfig.Attributes.layer()
	err = l.rows(l.levels(), nil, a.Hits.Total.Value, a.Aggregations, func(r Row) { rows = append(rows, r) })
	return rows, err
}

// Empty returns the columns of metrics that have no value in any row.
func (p *Panel) Empty(rows []Row) (columns []string) {
	_, l := p.EmbeddableConfig.Attributes.layer()
	for _, id := range slices.Sorted(maps.Keys(l.Columns)) {
		c, values := l.Columns[id], 0
		if c.IsBucketed || c.OperationType == "count" || c.OperationType == "counter_rate" {
			continue
		}
		for _, r := range rows {
			values += r.Values[id]
		}
		if values == 0 {
			columns = append(columns, c.SourceField)
		}
	}
	return columns
}

// bucket is one of an aggregation's.
type bucket struct {
	documents int
	key       string
	inner     map[string]json.RawMessage
}

func (l *Layer) rows(levels []level, keys []string, documents int, in map[string]json.RawMessage, row func(Row)) error {
	if documents == 0 {
		return nil
	}
	if len(levels) == 0 {
		values, err := valueCounts(in)
		row(Row{Keys: slices.Clone(keys), Documents: documents, Values: values})
		return err
	}
	var answer struct{ Buckets []map[string]json.RawMessage }
	if err := json.Unmarshal(in[levels[0].id], &answer); err != nil {
		return fmt.Errorf("reading the buckets of %s: %w", levels[0].id, err)
	}
	for _, one := range answer.Buckets {
		b, err := readBucket(one)
		if err != nil {
			return err
		}
		if err := l.rows(levels[1:], append(keys, b.key), b.documents, b.inner, row); err != nil {
			return err
		}
	}
	return nil
}

func readBucket(in map[string]json.RawMessage) (b bucket, err error) {
	key := in["key_as_string"]
	if key == nil {
		key = in["key"]
	}
	b.key, b.inner = strings.Trim(string(key), `"`), in
	return b, json.Unmarshal(in["doc_count"], &b.documents)
}

// valueCounts returns the numbers of values by column.
func valueCounts(in map[string]json.RawMessage) (map[string]int, error) {
	all := map[string]int{}
	for name, raw := range in {
		id, ok := strings.CutSuffix(name, "#values")
		if !ok {
			continue
		}
		var answer struct{ Value int }
		if err := json.Unmarshal(raw, &answer); err != nil {
			return nil, err
		}
		all[id] = answer.Value
	}
	return all, nil
}
