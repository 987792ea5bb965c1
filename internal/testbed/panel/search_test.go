package panel_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/panel"
)

// find returns a panel of a shipped dashboard.
func find(t *testing.T, id, title string) *panel.Panel {
	t.Helper()
	d, err := panel.Read(shipped(t)[id])
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels() {
		if p.Title == title {
			return p
		}
	}
	t.Fatalf("%s has no panel %q", id, title)
	return nil
}

// TestPanel_Search translates a chart over time, whose buckets are ordered by a metric
// that Elasticsearch wants on each level.
func TestPanel_Search(t *testing.T) {
	t.Parallel()
	got, err := find(t, "qubesbeat-overview", "Traffic over time").Search()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"aggs": {"bucket1": {
		"terms": {"field": "qube.label", "missing": "__missing__", "order": {"metric0": "desc"}, "size": 9},
		"aggs": {"metric0": {"sum": {"field": "network.bytes"}}, "bucket0": {
			"date_histogram": {"field": "@timestamp", "fixed_interval": "1d", "min_doc_count": 0},
			"aggs": {"metric0": {"sum": {"field": "network.bytes"}}, "metric0#values": {"value_count": {"field": "network.bytes"}}}}}}},
		"query": {"bool": {"filter": [{"range": {"@timestamp": {"lte": "now+10y"}}},
			{"bool": {"minimum_should_match": 1, "should": [{"match_phrase": {"event.dataset": "flow"}}]}},
			{"bool": {"minimum_should_match": 1, "should": [{"match": {"flow.final": "true"}}]}}]}},
		"size": 0, "track_total_hits": true}`
	if diff := cmp.Diff(normal(t, want), normal(t, got)); diff != "" {
		t.Errorf("search mismatch (-want +got):\n%s", diff)
	}
}

// normal returns JSON, or what has become JSON, as maps.
func normal(t *testing.T, v any) (out any) {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPanel_Search_language translates the part of Kibana's language that dashboards of
// ours use, and refuses the rest.
func TestPanel_Search_language(t *testing.T) {
	t.Parallel()
	p := find(t, "qubesbeat-overview", "Flows")
	for _, tt := range []struct{ query, want string }{
		{"a.b : c", `{"match":{"a.b":"c"}}`},
		{`a : "b c"`, `{"match_phrase":{"a":"b c"}}`},
		{`a : ("b" or "c")`, `{"match_phrase":{"a":"b"}},{"match_phrase":{"a":"c"}}`},
		{"a : *", `{"exists":{"field":"a"}}`},
		{"a : b and not c : d", `"must_not":{"bool":`},
		{"a : b*", ""},
		{"a > 3", ""},
		{"a : b or c : d", ""},
		{"(a : b)", ""},
		{"a : (b and c)", ""},
		{"a : {b : c}", ""},
		{`a : "b`, ""},
		{"a", ""},
		{"", ""},
	} {
		p.EmbeddableConfig.Attributes.State.Query.Query = tt.query
		body, err := p.Search()
		text, _ := json.Marshal(body)
		if tt.want == "" && err == nil || !strings.Contains(string(text), tt.want) {
			t.Errorf("%s: %s (%v); want %s", tt.query, text, err, tt.want)
		}
	}
}

// TestPanel_Rows leaves out buckets without documents, and sees metrics without values.
func TestPanel_Rows(t *testing.T) {
	t.Parallel()
	p := find(t, "qubesbeat-overview", "Sent to the world by qube")
	const text = `{"hits": {"total": {"value": 9}}, "aggregations": {"bucket0": {"buckets": [
		{"key": "work", "doc_count": 9, "bucket0+0": {"buckets": [
			{"key": "a", "doc_count": 5, "bucket1": {"buckets": [{"key": "blue", "doc_count": 5, "metric0#values": {"value": 0}}, {"key": "red", "doc_count": 0}]}},
			{"key": "b", "doc_count": 4, "bucket1": {"buckets": [{"key": "blue", "doc_count": 4, "metric0#values": {"value": 0}}]}}]}}]}}}`
	var a panel.Answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	got, err := p.Rows(&a)
	if err != nil {
		t.Fatal(err)
	}
	want := []panel.Row{{Keys: []string{"work", "a", "blue"}, Documents: 5, Values: map[string]int{"metric0": 0}},
		{Keys: []string{"work", "b", "blue"}, Documents: 4, Values: map[string]int{"metric0": 0}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
	if empty := p.Empty(got); !cmp.Equal(empty, []string{"source.bytes"}) {
		t.Errorf("without values = %q; want source.bytes", empty)
	}
	got[0].Values["metric0"] = 1
	if empty := p.Empty(got); len(empty) > 0 {
		t.Errorf("without values = %q; want none", empty)
	}
}
