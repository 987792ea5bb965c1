package dashboard

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Spec describes a dashboard.
type Spec struct {
	// ID is the object's id, and the name of its file.
	ID string `yaml:"-"`
	// Title is what stands after "[Qubesbeat] ".
	Title string `yaml:"title"`
	// Description is what Kibana's list of dashboards shows.
	Description string `yaml:"description"`
	// Notes is Markdown that stands at the top, below the links to the other dashboards.
	Notes string `yaml:"notes"`
	// Queries are queries in Kibana's language that panels use, by name.
	Queries map[string]string `yaml:"queries"`
	// Panels are placed from left to right, and then below.
	Panels []Panel `yaml:"panels"`
}

// Panel describes a panel.
type Panel struct {
	Title string `yaml:"title"`
	// Type is metric, bars, stacked, lines or table.
	Type string `yaml:"type"`
	// Query is the name of a query.
	Query string `yaml:"query"`
	// And is a query, which must match too.
	And string `yaml:"and"`
	// Buckets are the rows, the outer ones first. Of a chart the first is the horizontal
	// axis and the second, if any, the colours.
	Buckets []Bucket `yaml:"buckets"`
	Metrics []Metric `yaml:"metrics"`
	// Width and Height are in columns and rows of Kibana's grid, which is 48 wide; 0 means
	// what is usual for the type.
	Width  int `yaml:"width"`
	Height int `yaml:"height"`
}

// Bucket describes what documents are put together by: the values of a field, or spans of
// time.
type Bucket struct {
	Field string `yaml:"field"`
	// With are further fields, whose values make one name with that of Field.
	With []string `yaml:"with"`
	// Label is the heading, "" for the field's name.
	Label string `yaml:"label"`
	// Size is the number of values that are shown, the greatest ones first.
	Size int `yaml:"size"`
	// Missing shows documents without the field, too, and the values beyond Size as one.
	Missing bool `yaml:"missing"`
}

// Metric describes a number.
type Metric struct {
	// Op is count, sum, max, unique_count, percentile, or counter_rate: how fast a counter
	// grows.
	Op    string `yaml:"op"`
	Field string `yaml:"field"` // of all but count
	Label string `yaml:"label"`
	// Percentile is which one.
	Percentile int `yaml:"percentile"`
}

// Parse reads a description. A key that it does not know is an error.
func Parse(id string, text []byte) (*Spec, error) {
	s := &Spec{ID: id}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("reading the description of %s: %w", id, err)
	}
	return s, nil
}

// Query returns the query of a panel, in Kibana's language.
func (s *Spec) Query(p *Panel) (string, error) {
	base, ok := s.Queries[p.Query]
	if !ok {
		return "", fmt.Errorf("there is no query %q", p.Query)
	}
	if p.And == "" {
		return base, nil
	}
	return base + " and " + strings.TrimSpace(p.And), nil
}
