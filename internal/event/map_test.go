package event_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// fakeDocument writes what OnWrite does.
type fakeDocument struct {
	event.Document
	OnWrite func(w event.Writer)
}

func (d *fakeDocument) Write(w event.Writer) { d.OnWrite(w) }

// TestToMap writes every kind of value, and nests.
func TestToMap(t *testing.T) {
	t.Parallel()
	names, numbers := []string{"a", "b"}, []uint64{1, 2}
	got := event.ToMap(&fakeDocument{OnWrite: func(w event.Writer) {
		w.String("string", "text")
		w.Begin("outer")
		w.Begin("inner")
		w.Uint("uint", 1<<63)
		w.End()
		w.Bool("bool", false)
		w.End()
		w.Addr("addr", netip.MustParseAddr("fd09::a89:6"))
		w.Strings("strings", names...)
		w.Strings("none")
		w.Uints("uints", numbers...)
		w.Time("time", 1_700_000_000_123_456_789)
		event.Optional(w, "there", "x")
		event.Optional(w, "absent", "")
	}})
	names[0], numbers[0] = "changed", 99 // the map is the caller's
	want := map[string]any{
		"string":  "text",
		"outer":   map[string]any{"inner": map[string]any{"uint": uint64(1 << 63)}, "bool": false},
		"addr":    "fd09::a89:6",
		"strings": []string{"a", "b"},
		"none":    []string(nil),
		"uints":   []uint64{1, 2},
		"time":    time.Date(2023, 11, 14, 22, 13, 20, 123_456_789, time.UTC),
		"there":   "x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ToMap mismatch (-want +got):\n%s", diff)
	}
}

func TestAttribution_String(t *testing.T) {
	t.Parallel()
	for a, want := range []string{"unknown", "inventory", "spoofed"} {
		if got := event.Attribution(a).String(); got != want {
			t.Errorf("Attribution(%d) = %q; want %q", a, got, want)
		}
	}
}

func TestDirection_String(t *testing.T) {
	t.Parallel()
	for d, want := range []string{"", "outbound", "inbound", "internal", "external"} {
		if got := event.Direction(d).String(); got != want {
			t.Errorf("Direction(%d) = %q; want %q", d, got, want)
		}
	}
}
