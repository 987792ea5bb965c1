package panel_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/panel"
)

// pattern is the data view that the files name.
const pattern = "packetbeat-*"

// shipped returns our own dashboards in the binary by the id that their file's name is.
func shipped(t testing.TB) map[string][]byte {
	t.Helper()
	packed, err := os.ReadFile(fixture.Repository(t, "kibana.zip.zst"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range archive.File {
		id, ok := strings.CutSuffix(path.Base(f.Name), ".json")
		if !ok || !strings.HasPrefix(f.Name, "7/dashboard/qubesbeat-") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all[id], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// world reads the types of fields from a file that is made of all fields.yml.
func world(t testing.TB, ids []string) *panel.World {
	t.Helper()
	text, err := os.ReadFile(fixture.Repository(t, "module", "transaction", "mapping", "types.txt"))
	if err != nil {
		t.Fatal(err)
	}
	w := &panel.World{Types: map[string]string{}, Pattern: pattern, Dashboards: ids}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		kind, name, _ := strings.Cut(lines.Text(), " ")
		w.Types[name] = kind
	}
	return w
}

// own are the dashboards that there are.
var own = []string{"qubesbeat-dns", "qubesbeat-findings", "qubesbeat-firewall", "qubesbeat-overview", "qubesbeat-sensor"}

// TestCheck_shipped holds our dashboards to what every version of Kibana from 8.6 on
// wants of them.
func TestCheck_shipped(t *testing.T) {
	t.Parallel()
	files := shipped(t)
	var ids []string
	for id := range files {
		ids = append(ids, id)
	}
	if slices.Sort(ids); !slices.Equal(ids, own) {
		t.Fatalf("dashboards = %q; want %q", ids, own)
	}
	w := world(t, ids)
	for _, id := range ids {
		d, err := panel.Read(files[id])
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if d.ID != id {
			t.Errorf("the id of %s is %s", id, d.ID)
		}
		for _, wrong := range w.Check(d) {
			t.Errorf("%s: %s", id, wrong)
		}
		if n := len(d.Panels()); n < 8 {
			t.Errorf("%s has %d panels with a search", id, n)
		}
		for _, p := range d.Panels() {
			if _, err := p.Search(); err != nil {
				t.Errorf("%s: %s: %v", id, p.Title, err)
			}
		}
	}
}

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
