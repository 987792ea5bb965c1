package eventfile_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// paths are fields of written, one inside another that is wanted as a whole, and one that
// is not there.
var paths = []string{"@timestamp", "qube.name", "source.bytes", "event", "event.dataset", "flow.final", "tags"}

func TestFields_Read(t *testing.T) {
	t.Parallel()
	f := eventfile.NewFields(paths...)
	if err := f.Read([]byte(" " + written + "\n")); err != nil {
		t.Fatal(err)
	}
	if got := f.Value(0).Time(); !got.Equal(time.Date(2026, 11, 21, 20, 59, 27, 764e6, time.UTC)) {
		t.Errorf("@timestamp = %v", got)
	}
	if f.Value(1).Text() != "work" || f.Value(2).Uint() != 98 || f.Value(4).Text() != "flow" || f.Value(5).Exists() {
		t.Errorf("values = %q, %d, %q, %v", f.Value(1).Text(), f.Value(2).Uint(), f.Value(4).Text(), f.Value(5).Exists())
	}
	if got := f.Value(3).Field("id").Text(); got != "cKAIGptH50VXqYXnZKkh_w" {
		t.Errorf("event.id = %q", got)
	}
}

// What one line has does not stay for the next.
func TestFields_Read_again(t *testing.T) {
	t.Parallel()
	f := eventfile.NewFields(paths...)
	for _, next := range []string{`{}`, `[`} {
		_ = f.Read([]byte(written))
		_ = f.Read([]byte(next))
		for i := range paths {
			if f.Value(i).Exists() {
				t.Errorf("%s: %s is that of the line before", next, paths[i])
			}
		}
	}
}

func TestFields_values(t *testing.T) {
	t.Parallel()
	f := eventfile.NewFields("a.b", "c")
	for line, want := range map[string]struct {
		text string
		n    uint64
		yes  bool
	}{
		`{"a":{"b":"x"}}`:                             {text: "x"},
		`{"\u0061":{"b":"\u00fc\n"}}`:                 {text: "ü\n"},
		`{"a":{"b":1},"a":{"b":2}}`:                   {n: 2},
		`{"a":{"b":null}}`:                            {},
		`{"a":{"b":-5}}`:                              {},
		`{"a":{"b":1.5e3}}`:                           {n: 1500},
		`{"a":{"b":18446744073709551615}}`:            {n: math.MaxUint64},
		`{"a":{"b":1e300}}`:                           {n: math.MaxUint64},
		`{"a":{"b":true}}`:                            {yes: true},
		`{"a":[{"b":"in a list"}]}`:                   {},
		`{"a":{"c":{"b":"too deep"}},"b":"too flat"}`: {},
	} {
		if err := f.Read([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if v := f.Value(0); v.Text() != want.text || v.Uint() != want.n || v.IsTrue() != want.yes {
			t.Errorf("%s: %q, %d, %v; want %v", line, v.Text(), v.Uint(), v.IsTrue(), want)
		}
	}
}

func TestValue_Each(t *testing.T) {
	t.Parallel()
	f := eventfile.NewFields("a")
	for line, want := range map[string][]string{
		`{"a":"x"}`: {"x"}, `{"a":[]}`: nil, `{"a": [ "x" , "y" ] }`: {"x", "y"}, `{"a":["x",["z"],{"b":"]"},"y"]}`: {"x", "", "", "y"}, `{}`: nil, `{"a":null}`: nil,
	} {
		if err := f.Read([]byte(line)); err != nil {
			t.Fatal(err)
		}
		var got []string
		f.Value(0).Each(func(v eventfile.Value) { got = append(got, v.Text()) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", line, diff)
		}
	}
}

// Reading allocates nothing.
func TestFields_Read_allocs(t *testing.T) {
	f := eventfile.NewFields(paths...)
	line := []byte(written)
	if n := testing.AllocsPerRun(100, func() { _ = f.Read(line) }); n != 0 {
		t.Errorf("Read allocates %v times", n)
	}
}

// FuzzFields_Read holds that a line is accepted if and only if it is one JSON object, and
// that values are those of encoding/json.
func FuzzFields_Read(f *testing.F) {
	for _, s := range []string{written, `{}`, `{"a":01}`, `{"a":"\x"}`, `{"a":[1,]}`, `{"a":-}`, `{"a":1e}`, `{"a":tru}`, `[]`, `{"a":"\ud800"}`, "{\"a\":\"\x01\"}",
		`{"a":{"b":"x"}}`, `{}x`, `{"a":[`, `{"a"`, strings.Repeat(`{"a":`, 80), strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		fields := eventfile.NewFields("a.b", "a", "c")
		err := fields.Read(line)
		trimmed := bytes.Trim(line, " \t\r\n")
		want := json.Valid(line) && len(trimmed) > 0 && trimmed[0] == '{'
		if deep := bytes.Count(line, []byte("{")) + bytes.Count(line, []byte("[")); (err == nil) != want && deep <= 64 {
			t.Fatalf("Read(%q) = %v; json.Valid says %v", line, err, want)
		}
		if err != nil {
			return
		}
		for i := range 3 {
			v := fields.Value(i)
			_, _, _, _ = v.Text(), v.Uint(), v.Time(), v.Field("b")
			v.Each(func(Value eventfile.Value) { _ = Value.Text() })
		}
		var all map[string]json.RawMessage
		var text string
		if json.Unmarshal(line, &all) == nil && json.Unmarshal(all["c"], &text) == nil && utf8.Valid(line) && text != fields.Value(2).Text() {
			t.Errorf("c of %q = %q; want %q", line, fields.Value(2).Text(), text)
		}
	})
}
