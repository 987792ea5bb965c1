package panel_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/panel"
)

// edit changes something deep in a JSON object: every value of a key, by a function.
func edit(v any, key string, change func(any) any) (changed bool) {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if k == key {
				before, _ := json.Marshal(v[k])
				v[k] = change(v[k])
				after, _ := json.Marshal(v[k])
				changed = changed || !bytes.Equal(before, after)
			}
			changed = edit(v[k], key, change) || changed
		}
	case []any:
		for i := range v {
			changed = edit(v[i], key, change) || changed
		}
	}
	return changed
}

// to replaces a value.
func to(value any) func(any) any { return func(any) any { return value } }

// replaced replaces a part of a text.
func replaced(from, to string) func(any) any {
	return func(v any) any {
		s, ok := v.(string)
		if !ok {
			return v
		}
		return strings.ReplaceAll(s, from, to)
	}
}

// without takes an element off a list.
func without(v any) any {
	if list, ok := v.([]any); ok && len(list) > 1 {
		return list[1:]
	}
	return v
}

// with adds a key to an object.
func with(key string, value any) func(any) any {
	return func(v any) any {
		if m, ok := v.(map[string]any); ok {
			m[key] = value
		}
		return v
	}
}

// inside changes what is deeper.
func inside(key string, change func(any) any) func(any) any {
	return func(v any) any {
		edit(v, key, change)
		return v
	}
}

// double repeats a list.
func double(v any) any {
	if list, ok := v.([]any); ok {
		return append(slices.Clone(list), list...)
	}
	return v
}

// noList empties a list.
func noList(v any) any {
	if _, ok := v.([]any); ok {
		return []any{}
	}
	return v
}

// first replaces the first element of a list.
func first(value any) func(any) any {
	return func(v any) any {
		if list, ok := v.([]any); ok && len(list) > 0 {
			return append([]any{value}, list[1:]...)
		}
		return v
	}
}

// reversed turns a list round.
func reversed(v any) any {
	if list, ok := v.([]any); ok {
		slices.Reverse(list)
	}
	return v
}

// bothTypes turns bars upright, in both places that say so.
func bothTypes(v any) any {
	for _, key := range []string{"seriesType", "preferredSeriesType"} {
		edit(v, key, replaced("bar_horizontal_stacked", "bar_stacked"))
	}
	return v
}

// TestCheck_faults breaks a dashboard in each way that a rule is there for.
func TestCheck_faults(t *testing.T) {
	t.Parallel()
	files, w := shipped(t), world(t, own)
	for _, tt := range []struct {
		name, key string
		change    func(any) any
		want      string
		board     string // "" for the overview
	}{
		{"an unknown attribute", "attributes", with("tags", 1), `unknown field "tags"`, ""},
		{"a version of Lens", "attributes", with("version", 2), `unknown field "version"`, ""},
		{"a newer Kibana", "coreMigrationVersion", to("10.2.0"), "it claims 10.2.0", ""},
		{"a title without the name", "title", replaced("[Qubesbeat] ", ""), "the title is", ""},
		{"another data view", "references", func(v any) any { edit(v, "id", to("other-*")); return v }, "leads to index-pattern other-*", ""},
		{"a reference to a dashboard", "references", func(v any) any { edit(v, "type", to("dashboard")); return v }, "leads to dashboard", ""},
		{"a reference too few", "references", without, "is missing", ""},
		{"controls of another field", "panelsJSON", replaced("observer.name", "host.name"), "the controls are", ""},
		{"an overlap", "y", to(0), "overlaps", ""},
		{"outside of the grid", "x", to(40), "outside of the grid", ""},
		{"another visualization", "visualizationType", to("lnsPie"), "lnsPie", ""},
		{"a panel without visualization", "type", replaced("lens", "search"), "neither Lens nor a text", ""},
		{"a dead link", "markdown", replaced("qubesbeat-dns", "qubesbeat-verify"), "qubesbeat-verify", ""},
		{"a link to elsewhere", "markdown", replaced("#/view/", "https://example.org/"), "example.org", ""},
		{"a field that was renamed", "sourceField", replaced("network.bytes", "network.octets"), `no field "network.octets"`, ""},
		{"a field in a query that was renamed", "query", replaced("flow.final", "flow.last"), `no field "flow.last"`, ""},
		{"a sum of text", "sourceField", replaced("network.bytes", "qube.name"), "which is a keyword", ""},
		{"interim events", "query", replaced(" and flow.final : true", ""), "count packets twice", ""},
		{"no dataset", "query", replaced(`event.dataset : "flow" and `, ""), "the dataset is", ""},
		{"more of the language", "query", replaced(" and ", " or "), "something else than and", ""},
		{"a range", "query", replaced("flow.final :", "flow.final >="), "no colon", ""},
		{"true as text", "query", replaced("flow.final : true", `flow.final : "true"`), "true or false", ""},
		{"a formula", "operationType", replaced("sum", "formula"), "formula", ""},
		{"too many values", "size", to(51), "shows 51 values", ""},
		{"an order by nothing", "columnId", replaced("metric0", "metric9"), `metric9`, ""},
		{"the eighth colour", "assignments", without, "the colours are", ""},
		{"a wrong colour", "colorCode", replaced("#cc0000", "#ff0000"), "the colours are", ""},
		{"no colours", "colorMapping", to(nil), "labels without colours", ""},
		{"grey", "specialAssignments", func(v any) any { edit(v, "color", to(map[string]any{"type": "categorical"})); return v }, "other labels are", ""},
		{"a column that is not shown", "accessors", to([]any{}), "it shows", ""},
		{"two sensors as one", "secondaryFields", to([]any{"qube.class"}), "the qubes of two sensors are one", ""},
		{"a filter", "filters", to([]any{map[string]any{}}), "filters", ""},
		{"an interval of its own", "interval", to("30s"), "not automatic", ""},
		{"a sum of totals", "operationType", replaced("max", "sum"), "which is a total already", "sensor"},
		{"a rate of nothing", "operationType", replaced("max", "unique_count"), "rate of no highest value", "sensor"},
		{"an order by a rate", "orderBy", to(map[string]any{"type": "column", "columnId": "metric0"}), "is ordered by", "sensor"},
		{"a percentile of a name", "sourceField", replaced("qubesbeat.dns.upstream.duration", "qubesbeat.dns.upstream.protocol"), "a percentile of", "dns"},
		{"a port as text", "dataType", replaced("number", "string"), "which is a long, as string", "firewall"},
		{"a rate without time", "operationType", replaced("date_histogram", "terms"), "without spans of time", "sensor"},
		{"too many rows", "size", to(50), "there may be 312500000 rows", "findings"},
		{"a type of field", "dataType", replaced("ip", "string"), "which is a ip, as string", ""},
		// the object
		{"another object", "type", replaced("dashboard", "search"), `the type is "search"`, ""},
		{"no description", "description", to("x"), `the description is "x"`, ""},
		{"a range of time", "timeRestore", to(true), "changes the user's range", ""},
		{"a filter of the dashboard", "searchSourceJSON", with("filter", []any{map[string]any{}}), "filters of its own", ""},
		{"another id", "id", replaced("qubesbeat-overview", "qubesbeat-other"), `the id is "qubesbeat-other"`, ""},
		{"controls that are no JSON", "panelsJSON", replaced(`"order"`, "order"), "the controls are not text", ""},
		{"another control", "panelsJSON", replaced("optionsListControl", "rangeSliderControl"), "control label is", ""},
		{"a reference twice", "references", double, "two references have the name", ""},
		{"a reference of a panel twice", "references", double, "its references are", ""},
		{"a reference that is not needed", "references", inside("name", replaced("controlGroup_qube", "controlGroup_other")), "nothing needs the reference", ""},
		{"no panels", "panelsJSON", noList, "there are 0 panels", ""},
		{"another index on the grid", "panelIndex", replaced("flows", "other"), `the panel "other" has the index "flows"`, ""},
		{"a newer panel", "version", replaced("8.6.0", "9.0.0"), `its version is "9.0.0"`, ""},
		{"no titles", "hidePanelTitles", to(true), "it has no title", ""},
		{"an empty text", "markdown", to(""), "of the old kind", ""},
		// columns
		{"two layers", "layers", with("second", map[string]any{}), "not exactly one layer", ""},
		{"a column without place", "columnOrder", without, "columns in order", ""},
		{"a place without column", "columnOrder", first("x"), `there is no column "x"`, ""},
		{"no label", "label", to(""), "has no label", ""},
		{"metrics first", "columnOrder", reversed, "stands behind a metric", ""},
		{"buckets alone", "isBucketed", to(true), "there is no metric", ""},
		{"another bucket", "operationType", replaced("terms", "filters"), `bucket0 is "filters"`, ""},
		{"a number as second field", "secondaryFields", to([]any{"observer.name", "network.bytes"}), "is no keyword", ""},
		{"another format", "parentFormat", to(map[string]any{"id": "range"}), "has the format", ""},
		{"missing without others", "otherBucket", to(false), "shows what is missing", ""},
		{"no order", "orderBy", to(nil), "has no order", ""},
		{"an order backwards", "orderBy", to(map[string]any{"type": "alphabetical"}), "is ordered backwards", ""},
		{"another scale", "scale", replaced("ratio", "interval"), "metric0 is a number", ""},
		{"a count of a field", "sourceField", replaced("___records___", "qube.name"), "metric0 counts qube.name", ""},
		{"a percentile beyond", "percentile", to(100), "is the percentile 100", "dns"},
		{"different numbers", "sourceField", replaced("destination.ip", "network.bytes"), "counts the values of network.bytes", ""},
		{"a rate without time unit", "timeScale", to(""), "refers to", "sensor"},
		// drawings
		{"an unknown part", "visualization", with("shape", "donut"), "reading the visualization", ""},
		{"two layers drawn", "layers", double, "a chart with 2 layers", ""},
		{"another layer", "layerId", to("x"), `it draws the layer "x"`, ""},
		{"another chart", "seriesType", to("area"), `it is a chart of the type "area"`, ""},
		{"an axis of values upright", "visualization", bothTypes, `under a chart of the type "bar_stacked"`, ""},
		{"a bucket drawn as metric", "accessors", to([]any{"bucket0"}), "bucket0 is no metric", ""},
		{"a metric as axis", "xAccessor", to("metric0"), `the axis is "metric0"`, ""},
		{"a split by a metric", "splitAccessor", to("metric0"), `it is split by "metric0"`, ""},
		{"colours that may change", "assignments", inside("touched", to(false)), "the colour of", ""},
		{"a gradient", "colorMode", to(map[string]any{"type": "gradient"}), `the colours are "gradient"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var v any
			if err := json.Unmarshal(files["qubesbeat-"+cmp.Or(tt.board, "overview")], &v); err != nil {
				t.Fatal(err)
			}
			if !edit(v, tt.key, tt.change) {
				t.Fatalf("nothing has the key %s", tt.key)
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			d, err := panel.Read(text)
			wrong := ""
			if err != nil {
				wrong = err.Error()
			} else {
				wrong = strings.Join(w.Check(d), "\n")
			}
			if !strings.Contains(wrong, tt.want) {
				t.Errorf("wrong = %q; want %q", wrong, tt.want)
			}
		})
	}
}
