package strict

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// Document checks a document in both of its forms, which must say the same, and returns
// it as JSON without what libbeat adds.
func Document(tb testing.TB, where string, d event.Document) []byte {
	tb.Helper()
	j := event.JSON{Buf: []byte{'{'}, AppendTime: func(b []byte, t time.Time) []byte { return t.AppendFormat(b, time.RFC3339Nano) }}
	j.AppendFields(d)
	line := append(j.Buf, '}')
	Check(tb, where, line)
	viaMap, err := json.Marshal(event.ToMap(d))
	if err != nil {
		tb.Fatal(err)
	}
	Check(tb, where+", as a map", viaMap)
	var a, b any
	if json.Unmarshal(line, &a) == nil && json.Unmarshal(viaMap, &b) == nil {
		if diff := cmp.Diff(withoutEmpty(b), withoutEmpty(a)); diff != "" {
			tb.Errorf("%s: mismatch (-map +json):\n%s", where, diff)
		}
	}
	return line
}

// withoutEmpty returns a value without lists of nothing, which a map has as null.
func withoutEmpty(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, inner := range m {
		if list, isList := inner.([]any); inner == nil || isList && len(list) == 0 {
			delete(m, name)
			continue
		}
		m[name] = withoutEmpty(inner)
	}
	return m
}
