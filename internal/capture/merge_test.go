package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func TestMerge_Next(t *testing.T) {
	t.Parallel()
	boom, bang := errors.New("boom"), errors.New("bang")
	tests := []struct {
		name    string
		sources []*fakeSource
		want    []string
		faults  []error
	}{
		{name: "one", sources: []*fakeSource{times("a", 1, 2)}, want: []string{"a1", "a2"}},
		{name: "one after the other", sources: []*fakeSource{times("b", 3, 4), times("a", 1, 2)}, want: []string{"a1", "a2", "b3", "b4"}},
		{name: "interleaved", sources: []*fakeSource{times("a", 1, 4), times("b", 2, 5), times("c", 3)},
			want: []string{"a1", "b2", "c3", "a4", "b5"}},
		{name: "equal times keep the order of the sources", sources: []*fakeSource{times("a", 1, 1, 2), times("b", 1, 2)},
			want: []string{"a1", "a1", "b1", "a2", "b2"}},
		// As in mergecap, a source that is not sorted is not sorted by the merge.
		{name: "out of order", sources: []*fakeSource{times("a", 5, 1), times("b", 3, 6)}, want: []string{"b3", "a5", "a1", "b6"}},
		{name: "empty ones", sources: []*fakeSource{times("a"), times("b", 1), times("c")}, want: []string{"b1"}},
		{name: "all empty", sources: []*fakeSource{times("a"), times("b")}},
		{name: "one fails", sources: []*fakeSource{{steps: []any{frame(1, 1, "a"), boom}}, times("b", 2, 3)},
			want: []string{"a1", "b2", "b3"}, faults: []error{boom}},
		{name: "one fails at once", sources: []*fakeSource{{steps: []any{boom}}, times("b", 2)}, want: []string{"b2"}, faults: []error{boom}},
		{name: "both fail", sources: []*fakeSource{{steps: []any{boom}}, {steps: []any{frame(1, 1, "b"), bang}}},
			want: []string{"b1"}, faults: []error{boom, bang}},
		{name: "the last one fails", sources: []*fakeSource{times("a", 1), {steps: []any{frame(2, 1, "b"), boom}}},
			want: []string{"a1", "b2"}, faults: []error{boom}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := merge(tt.sources)
			frames, err := readAll(m)
			if diff := cmp.Diff(tt.want, tagged(frames)); diff != "" {
				t.Errorf("frames mismatch (-want +got):\n%s", diff)
			}
			if (err != nil) != (tt.faults != nil) {
				t.Errorf("Next: %v; want %v", err, tt.faults)
			}
			for _, want := range tt.faults {
				if !errors.Is(err, want) {
					t.Errorf("Next: %v; want %v in it", err, want)
				}
			}
			// The end stays the end, and no fault is reported twice.
			for range 3 {
				if again := m.Next(new(capture.Frame)); fmt.Sprint(again) != fmt.Sprint(orEOF(err)) {
					t.Errorf("Next after the end: %q; want %q as before", again, orEOF(err))
				}
			}
		})
	}
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func merge(sources []*fakeSource) *capture.Merge {
	var all []capture.Source
	for _, s := range sources {
		all = append(all, s)
	}
	return capture.NewMerge(new(capture.Interfaces), all...)
}

// tagged is the data and the time of each frame.
func tagged(frames []capture.Frame) (out []string) {
	for _, f := range frames {
		out = append(out, fmt.Sprintf("%s%d", f.Data, f.Time))
	}
	return out
}

// TestMerge_Next_data merges real files, whose data lies in a buffer that the
// next call overwrites.
func TestMerge_Next_data(t *testing.T) {
	t.Parallel()
	le, names := microLE(), new(capture.Interfaces)
	var sources []capture.Source
	for file := range 3 {
		content := le.header(1)
		for i := range 2000 { // more than one buffer
			data := bytes.Repeat([]byte{byte('a' + file)}, 500)
			content = append(content, le.record(uint32(3*i+file), 0, 500, string(data))...)
		}
		f, err := capture.NewReader("test.pcap", bytes.NewReader(content), names)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, f)
	}
	m := capture.NewMerge(names, sources...)
	n := 0
	for ; ; n++ {
		var f capture.Frame
		if err := m.Next(&f); err != nil {
			break
		}
		want := bytes.Repeat([]byte{byte('a' + n%3)}, 500)
		if f.Time != int64(n)*1e9 || !bytes.Equal(f.Data, want) {
			t.Fatalf("frame %d: time %d, data %q...; want %q", n, f.Time, f.Data[:5], want[:5])
		}
	}
	if n != 6000 {
		t.Errorf("%d frames; want 6000", n)
	}
}

func TestMerge_Stats(t *testing.T) {
	t.Parallel()
	names := new(capture.Interfaces)
	a, b := &fakeSource{stats: capture.Stats{Bytes: 1, Size: 10}}, &fakeSource{stats: capture.Stats{Bytes: 2, Size: 20}, closeErr: io.ErrClosedPipe}
	m := capture.NewMerge(names, a, b)
	if diff := cmp.Diff(capture.Stats{Bytes: 3, Size: 30}, m.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
	if m.Interfaces() != names {
		t.Error("Interfaces are not those of NewMerge")
	}
	if err := m.Close(); !errors.Is(err, io.ErrClosedPipe) || a.closed != 1 || b.closed != 1 {
		t.Errorf("Close: %v, sources closed %d and %d times; want %v and once each", err, a.closed, b.closed, io.ErrClosedPipe)
	}
}
