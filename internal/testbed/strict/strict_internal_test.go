package strict

import (
	"strings"
	"testing"
)

// TestRead finds what a consumer would refuse or misread.
func TestRead(t *testing.T) {
	t.Parallel()
	known, err := types()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, line, want string }{
		{"event", `{"@timestamp":"2026-01-01T00:00:00.000Z","@metadata":{"beat":"x","_id":"1"},"event":{"module":"qubesbeat","duration":5},"source":{"ip":"10.137.0.6","port":1}}`, ""},
		{"lists", `{"event":{"module":"qubesbeat","category":["network"]},"dns":{"answers":[{"name":"a","ttl":60},{"name":"b","ttl":61}]}}`, ""},
		{"not JSON", `{"event":`, "EOF"},
		{"two", `{} {}`, "something follows"},
		{"not UTF-8", "{\"message\":\"a\xff\"}", "not UTF-8"},
		{"twice", `{"event":{"kind":"a","kind":"b"}}`, "event.kind: is there twice"},
		{"object twice", `{"event":{},"event":{}}`, "event: is there twice"},
		{"unknown field", `{"event":{"colour":"red"}}`, "event.colour: is not in fields.yml"},
		{"unknown object", `{"colour":{}}`, "colour: is an object that fields.yml does not have"},
		{"text for an address", `{"source":{"ip":"localhost"}}`, "source.ip: is localhost"},
		{"zone", `{"source":{"ip":"fe80::1%vif4.0"}}`, "source.ip: is"},
		{"text for a number", `{"event":{"module":"qubesbeat"},"source":{"port":"53"}}`, "source.port: is 53"},
		{"text for a number, packetbeat's", `{"source":{"port":"53"}}`, ""},
		{"fraction", `{"source":{"bytes":1.5}}`, "source.bytes: is 1.5"},
		{"too large", `{"source":{"bytes":18446744073709551615}}`, "source.bytes: is 18446744073709551615"},
		{"date", `{"event":{"start":"yesterday"}}`, "event.start: is yesterday"},
		{"value for an object", `{"source":"x"}`, "source: is not in fields.yml"},
		{"object for a value", `{"source":{"port":{"number":1}}}`, "source.port: is an object"},
		{"flattened", `{"transaction":{"other":{"a":{"b":1}}}}`, ""},
		{"value for flattened", `{"transaction":{"other":"x"}}`, "transaction.other: is x"},
	} {
		var all []string
		for _, p := range read(known, []byte(tt.line)) {
			all = append(all, p.Error())
		}
		if got := strings.Join(all, "; "); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}
