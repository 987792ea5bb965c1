package dashboard_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dashboard"
)

// types are the fields of the tests.
var types = map[string]string{"event.dataset": "keyword", "qube.name": "keyword", "qube.label": "keyword", "network.bytes": "long",
	"source.ip": "ip", "@timestamp": "date", "headers": "flattened"}

// build makes a dashboard with one panel.
func build(t *testing.T, panel string) ([]byte, error) {
	t.Helper()
	s, err := dashboard.Parse("qubesbeat-x", []byte("title: X\ndescription: About x.\nqueries: {all: 'event.dataset : \"flow\"'}\npanels:\n  - "+panel))
	if err != nil {
		return nil, err
	}
	other := &dashboard.Spec{ID: "qubesbeat-y", Title: "Y"}
	b := &dashboard.Builder{Types: types, Pattern: "p-*", All: []*dashboard.Spec{s, other}}
	return b.Build(s)
}

// TestBuilder_Build_faults names the panel and what is wrong with it.
func TestBuilder_Build_faults(t *testing.T) {
	t.Parallel()
	const sum = "metrics: [{op: sum, field: network.bytes, label: B}]"
	for _, tt := range []struct{ name, panel, want string }{
		{"an unknown key", "{title: P, kind: metric}", "field kind not found"},
		{"an unknown query", "{title: P, type: metric, query: none, " + sum + "}", `panel "P": there is no query "none"`},
		{"an unknown type", "{title: P, type: pie, query: all, " + sum + "}", `"pie" is no type of panels`},
		{"no metric", "{title: P, type: metric, query: all}", "there is no metric"},
		{"an unknown field", "{title: P, type: metric, query: all, metrics: [{op: sum, field: network.octets}]}", `no field "network.octets"`},
		{"a sum of text", "{title: P, type: metric, query: all, metrics: [{op: sum, field: qube.name}]}", "qube.name is no number"},
		{"an unknown operation", "{title: P, type: metric, query: all, metrics: [{op: last, field: network.bytes}]}", `"last" is not an operation`},
		{"a field that cannot be shown", "{title: P, type: table, query: all, buckets: [{field: headers, size: 5}], " + sum + "}", "headers is a flattened"},
		{"a second field that is not there", "{title: P, type: table, query: all, buckets: [{field: qube.name, with: [sensor], size: 5}], " + sum + "}", `no field "sensor"`},
		{"a metric with rows", "{title: P, type: metric, query: all, buckets: [{field: qube.name}], " + sum + "}", "a metric is one number"},
		{"a chart without an axis", "{title: P, type: bars, query: all, " + sum + "}", "a chart has an axis"},
		{"a table without rows", "{title: P, type: table, query: all, " + sum + "}", "a table has rows"},
		{"one title twice", "{title: P, type: metric, query: all, " + sum + "}\n  - {title: P, type: metric, query: all, " + sum + "}", `two panels have the title "P"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := build(t, tt.panel); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v; want %q", err, tt.want)
			}
		})
	}
}

// TestBuilder_Build_same gives the same bytes on every run.
func TestBuilder_Build_same(t *testing.T) {
	t.Parallel()
	const panel = "{title: P, type: stacked, query: all, buckets: [{field: '@timestamp'}, {field: qube.label, size: 9}], metrics: [{op: count, label: N}]}"
	first, err := build(t, panel)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := build(t, panel); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("another result (%v):\n%s", err, cmp.Diff(string(first), string(again)))
		}
	}
	for _, want := range []string{`"**X** | [Y](#/view/qubesbeat-y)\n\n"`, `"#cc0000"`, `"panelsJSON": "{`} {
		if !strings.Contains(string(first), want) {
			t.Errorf("%s is not in\n%s", want, first)
		}
	}
}

// TestBuilder_Build_layout places panels in rows that are as high as their highest panel.
func TestBuilder_Build_layout(t *testing.T) {
	t.Parallel()
	const metric, table = "type: metric, query: all, metrics: [{op: count, label: N}]", "type: table, query: all, buckets: [{field: source.ip, size: 5}], metrics: [{op: count, label: N}]"
	text, err := build(t, "{title: A, "+metric+"}\n  - {title: B, width: 40, height: 7, "+metric+"}\n  - {title: C, "+metric+"}\n  - {title: D, "+table+"}\n  - {title: E, "+table+"}\n  - {title: F, "+metric+"}")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Attributes struct {
			PanelsJSON []struct {
				Title    string
				GridData struct{ X, Y, W, H int }
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range d.Attributes.PanelsJSON {
		got = append(got, fmt.Sprintf("%s %v", p.Title, p.GridData))
	}
	want := []string{" {0 0 48 5}", "A {0 5 8 7}", "B {8 5 40 7}", "C {0 12 8 14}", "D {8 12 24 14}", "E {0 26 24 14}", "F {24 26 8 14}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places mismatch (-want +got):\n%s", diff)
	}
}
