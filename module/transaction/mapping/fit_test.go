package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/module/transaction/mapping"
)

// fit returns an event as JSON after Fit, and the number of changes.
func fit(t *testing.T, text string) (string, int) {
	t.Helper()
	var fields map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&fields); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	n := mapping.New().Fit(fields)
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), n
}

func TestTable_Fit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40_000)
	for _, tt := range []struct {
		name, in, want string
		changed        int
	}{
		{"an event", `{"type":"http","source":{"ip":"10.137.0.6","port":1},"http":{"request":{"headers":{"host":"a"}}}}`, "", 0},
		{"not an address", `{"network":{"forwarded_ip":"not-an-ip"}}`,
			`{"network":{},"transaction":{"other":{"network_forwarded_ip":"not-an-ip"}}}`, 1},
		{"a list of addresses", `{"related":{"ip":["10.0.0.1","x"]}}`, `{"related":{},"transaction":{"other":{"related_ip":["10.0.0.1","x"]}}}`, 1},
		{"an unknown field", `{"strange":{"deep":1},"type":"x"}`, `{"transaction":{"other":{"strange":{"deep":1}}},"type":"x"}`, 1},
		{"an object for a text", `{"method":{"a":1}}`, `{"transaction":{"other":{"method":{"a":1}}}}`, 1},
		{"a text for an object", `{"source":"x"}`, `{"transaction":{"other":{"source":"x"}}}`, 1},
		{"a number that is too large", `{"source":{"bytes":18446744073709551615}}`, `{"source":{},"transaction":{"other":{"source_bytes":18446744073709552000}}}`, 1},
		{"a number that is a text", `{"source":{"bytes":"12"}}`, "", 0},
		{"header names", `{"http":{"request":{"headers":{"aa":"1","aa.b":"2",".y":"3","z..z":"4","":"5","\u0000":"6"}}}}`,
			`{"http":{"request":{"headers":{"_":"5","_y":"3","aa":"1","aa_b":"2","z__z":"4"}}}}`, 5},
		{"a long header", `{"http":{"request":{"headers":{"a":"` + long + `"}}}}`, `{"http":{"request":{"headers":{"a":"` + long[:8189] + `…"}}}}`, 1},
		{"a text for headers", `{"http":{"request":{"headers":"x"}}}`, `{"http":{"request":{}},"transaction":{"other":{"http_request_headers":"x"}}}`, 1},
		{"nothing", `{"method":null,"strange":null}`, `{"method":null}`, 1},
		{"a section that is taken", `{"transaction":1,"x":1}`, `{"transaction":{"other":{"transaction":1,"x":1}}}`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.want == "" {
				tt.want, _ = tt.in, tt.changed
				var v any
				_ = json.Unmarshal([]byte(tt.in), &v)
				text, _ := json.Marshal(v)
				tt.want = string(text)
			}
			got, n := fit(t, tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" || n != tt.changed {
				t.Errorf("%d changed; want %d; mismatch (-want +got):\n%.2000s", n, tt.changed, diff)
			}
			if again, n := fit(t, got); again != got || n != 0 {
				t.Errorf("a second time changes %d: %.2000s", n, again)
			}
		})
	}
}

// TestTable_Fit_depth bounds what nesting costs.
func TestTable_Fit_depth(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)
	got, n := fit(t, `{"amqp":{"headers":`+deep+`}}`)
	if n == 0 || strings.Count(got, "{") > 20 {
		t.Errorf("%d changed, %d levels", n, strings.Count(got, "{"))
	}
}

func FuzzTable_Fit(f *testing.F) {
	f.Add(`{"http":{"request":{"headers":{"aa.b":"2"}}},"network":{"forwarded_ip":"x"},"strange":[1,{"a":null}]}`)
	table := mapping.New()
	f.Fuzz(func(t *testing.T, text string) {
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) != nil || fields == nil {
			return
		}
		table.Fit(fields)
		if n := table.Fit(fields); n != 0 {
			t.Errorf("a second time changes %d: %v", n, fields)
		}
	})
}

func BenchmarkTable_Fit(b *testing.B) {
	table := mapping.New()
	fields := map[string]any{"type": "http", "method": "GET", "status": "OK", "query": "GET /", "source": map[string]any{"ip": "10.0.0.1", "port": 1},
		"http": map[string]any{"request": map[string]any{"headers": map[string]any{"host": "a", "content-type": "b"}}}}
	b.ReportAllocs()
	for b.Loop() {
		table.Fit(fields)
	}
}
