package dashboard

import (
	"fmt"
	"strings"
)

// object is a JSON object. encoding/json sorts its keys, so that the output is the same
// on every run.
type object = map[string]any

// records is what Lens calls the documents themselves.
const records = "___records___"

// dataTypes are Lens' words for the types of fields.
var dataTypes = map[string]string{
	"keyword": "string", "wildcard": "string", "ip": "ip", "boolean": "boolean", "date": "date", "long": "number", "integer": "number", "float": "number",
}

// fieldTypes are the types of fields by name, in the words of fields.yml.
type fieldTypes map[string]string

// lens returns Lens' word for the type of a field.
func (f fieldTypes) lens(field string) (string, error) {
	kind, ok := f[field]
	if !ok {
		return "", fmt.Errorf("there is no field %q", field)
	}
	word, ok := dataTypes[kind]
	if !ok {
		return "", fmt.Errorf("%s is a %s, which no panel can show", field, kind)
	}
	return word, nil
}

// layer is the data of a visualization: columns, of which the first are buckets.
type layer struct {
	order   []string
	columns object
}

func (l *layer) add(id string, column object) string {
	l.order = append(l.order, id)
	l.columns[id] = column
	return id
}

// bucket returns the column of a bucket, which is ordered by a metric.
func (f fieldTypes) bucket(b *Bucket, by object) (object, error) {
	kind, err := f.lens(b.Field)
	if err != nil {
		return nil, err
	}
	if kind == "date" {
		return object{"label": or(b.Label, b.Field), "customLabel": b.Label != "", "dataType": "date", "operationType": "date_histogram",
			"sourceField": b.Field, "isBucketed": true, "scale": "interval",
			"params": object{"interval": "auto", "includeEmptyRows": true, "dropPartials": false}}, nil
	}
	params := object{"size": b.Size, "orderBy": by, "orderDirection": "desc", "otherBucket": b.Missing, "missingBucket": b.Missing,
		"parentFormat": object{"id": "terms"}}
	if by["type"] == "alphabetical" {
		params["orderDirection"] = "asc"
	}
	label := or(b.Label, b.Field)
	if len(b.With) > 0 {
		for _, field := range b.With {
			if _, err := f.lens(field); err != nil {
				return nil, err
			}
		}
		kind = "string"
		params["secondaryFields"], params["parentFormat"] = b.With, object{"id": "multi_terms"}
	}
	return object{"label": label, "customLabel": true, "dataType": kind, "operationType": "terms", "sourceField": b.Field,
		"isBucketed": true, "scale": "ordinal", "params": params}, nil
}

// metric adds the column of a metric and returns its id. The rate of a counter stands
// upon a column of its own, which the panel does not show.
func (f fieldTypes) metric(l *layer, id string, m *Metric) (string, error) {
	if m.Op == "count" {
		return l.add(id, number(m, object{"operationType": "count", "sourceField": records, "params": object{"emptyAsNull": true}})), nil
	}
	kind, err := f.lens(m.Field)
	if err != nil {
		return "", err
	}
	if kind != "number" && m.Op != "unique_count" {
		return "", fmt.Errorf("%s is no number, of which there could be a %s", m.Field, m.Op)
	}
	params := object{"emptyAsNull": true}
	if strings.HasSuffix(m.Field, ".bytes") {
		params["format"] = object{"id": "bytes", "params": object{"decimals": 1}}
	}
	switch m.Op {
	case "sum", "max", "unique_count":
		return l.add(id, number(m, object{"operationType": m.Op, "sourceField": m.Field, "params": params})), nil
	case "percentile":
		delete(params, "emptyAsNull")
		params["percentile"] = m.Percentile
		return l.add(id, number(m, object{"operationType": m.Op, "sourceField": m.Field, "params": params})), nil
	case "counter_rate":
		hidden := id + "X0"
		l.add(hidden, number(&Metric{Label: "Part of " + m.Label}, object{"operationType": "max", "sourceField": m.Field, "params": params}))
		return l.add(id, number(m, object{"operationType": m.Op, "references": []string{hidden}, "timeScale": "m"})), nil
	}
	return "", fmt.Errorf("%q is not an operation", m.Op)
}

// number completes the column of a metric.
func number(m *Metric, column object) object {
	column["label"], column["customLabel"] = m.Label, true
	column["dataType"], column["isBucketed"], column["scale"] = "number", false, "ratio"
	return column
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
