package event_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

func appendTime(b []byte, t time.Time) []byte { return t.AppendFormat(b, time.RFC3339Nano) }

// everything writes each kind of value, in the corners that JSON has.
func everything(w event.Writer) {
	w.String("plain", "text {")
	w.String("quoted", "a \"b\" \\ c")
	w.String("control", "\x00\x1b[31m\n\x7f")
	w.String("unicode", "qübe 紅")
	w.String("invalid", "a\xffb")
	w.String("html", "<&>")
	w.Begin("outer")
	w.Begin("empty")
	w.End()
	w.Begin("inner")
	w.Uint("uint", 1<<53)
	w.End()
	w.Bool("bool", true)
	w.End()
	w.Addr("addr4", netip.MustParseAddr("10.137.0.6"))
	w.Addr("addr6", netip.MustParseAddr("fd09::a89:6"))
	w.Strings("strings", "a", "b\n")
	w.Uints("uints", 1, 2)
	w.Uints("one", 7)
	w.Time("time", 1_700_000_000_123_456_789)
}

// TestJSON writes what the map of the same document is as JSON.
func TestJSON(t *testing.T) {
	t.Parallel()
	doc := &fakeDocument{OnWrite: everything}
	j := event.JSON{Buf: []byte(`{"@timestamp":"now"`), AppendTime: appendTime}
	j.AppendFields(doc)
	text := append(j.Buf, '}')
	viaMap, err := json.Marshal(event.ToMap(doc))
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := json.Unmarshal(viaMap, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	want["@timestamp"] = "now"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON mismatch (-map +json):\n%s", diff)
	}
}

// TestJSON_first begins an object without a comma.
func TestJSON_first(t *testing.T) {
	t.Parallel()
	j := event.JSON{Buf: []byte("{")}
	j.AppendFields(&fakeDocument{OnWrite: func(w event.Writer) { w.Uint("a", 1); w.Uint("b", 2) }})
	if got, want := string(j.Buf), `{"a":1,"b":2`; got != want {
		t.Errorf("JSON = %s; want %s", got, want)
	}
}

// FuzzJSON_String gives every string a JSON form that reads back as the same
// text, with the replacement character for what is not UTF-8.
func FuzzJSON_String(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var j event.JSON
		j.Buf = append(j.Buf, '{')
		j.String("s", s)
		j.Strings("list", s, s)
		j.Buf = append(j.Buf, '}')
		var got struct {
			S    string
			List []string
		}
		if err := json.Unmarshal(j.Buf, &got); err != nil {
			t.Fatalf("String(%q) = %s: %v", s, j.Buf, err)
		}
		if want := string([]rune(s)); got.S != want || len(got.List) != 2 || got.List[1] != want {
			t.Errorf("String(%q) reads back as %q, %q", s, got.S, got.List)
		}
	})
}

// TestJSON_allocs is not parallel, because AllocsPerRun must not be.
func TestJSON_allocs(t *testing.T) {
	doc := &fakeDocument{OnWrite: func(w event.Writer) {
		w.Begin("a")
		w.String("b", "c")
		w.Uint("d", 1)
		w.Time("e", 1)
		w.Addr("f", netip.IPv6Loopback())
		w.End()
	}}
	j := event.JSON{Buf: make([]byte, 0, 1024), AppendTime: appendTime}
	if n := testing.AllocsPerRun(100, func() { j.Buf = append(j.Buf[:0], '{'); j.AppendFields(doc) }); n != 0 {
		t.Errorf("AppendFields allocates %v times; want 0", n)
	}
}
