package reassembly_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// log records what a stream delivers, as text.
type log []string

var _ reassembly.Handler = (*log)(nil) // type check

func (l *log) Data(s *reassembly.Segment) {
	text := string(s.Data)
	if s.FIN {
		text += " FIN"
	}
	*l = append(*l, text)
}

func (l *log) Gap(n int) { *l = append(*l, fmt.Sprintf("gap %d", n)) }

// at returns a segment whose data begins at an offset behind the SYN.
func at(offset int, data string) reassembly.Segment {
	return reassembly.Segment{Seq: isn + 1 + uint32(offset), Data: []byte(data)}
}

// isn lets every test cross the end of the sequence numbers.
const isn = 0xffff_fffa

func TestStream(t *testing.T) {
	t.Parallel()
	syn := reassembly.Segment{Seq: isn, SYN: true}
	fin := func(offset int) reassembly.Segment {
		s := at(offset, "")
		s.FIN = true
		return s
	}
	late := func(s reassembly.Segment) reassembly.Segment {
		s.Time = int64(reassembly.GapTimeout) + 2
		return s
	}
	tests := []struct {
		name string
		in   []reassembly.Segment
		want []string
	}{
		{"in order", []reassembly.Segment{syn, at(0, "abcd"), at(4, "efgh"), fin(8)}, []string{"abcd", "efgh", " FIN"}},
		{"without SYN", []reassembly.Segment{at(4, "efgh"), at(8, "i")}, []string{"efgh", "i"}},
		{"overtaken", []reassembly.Segment{syn, at(4, "efgh"), at(0, "abcd"), at(8, "i")}, []string{"abcd", "efgh", "i"}},
		{"overtaken twice", []reassembly.Segment{syn, at(8, "i"), at(4, "efgh"), at(0, "abcd")}, []string{"abcd", "efgh", "i"}},
		{"repeated", []reassembly.Segment{syn, at(0, "abcd"), at(0, "abcd"), at(2, "cd"), at(4, "e")}, []string{"abcd", "e"}},
		{"overlap", []reassembly.Segment{syn, at(0, "abcd"), at(2, "cdef")}, []string{"abcd", "ef"}},
		{"overlap that waited", []reassembly.Segment{syn, at(2, "cdef"), at(0, "abcd")}, []string{"abcd", "ef"}},
		{"FIN overtakes", []reassembly.Segment{syn, fin(4), at(0, "abcd")}, []string{"abcd", " FIN"}},
		{"data in the SYN", []reassembly.Segment{{Seq: isn, SYN: true, Data: []byte("ab")}, at(2, "c")}, []string{"ab", "c"}},
		{"second FIN", []reassembly.Segment{syn, at(0, "a"), fin(1), fin(1)}, []string{"a", " FIN", " FIN"}},
		{"keep-alive", []reassembly.Segment{syn, at(0, "abcd"), at(3, "d"), at(4, "e")}, []string{"abcd", "e"}},
		{"hole", []reassembly.Segment{syn, at(0, "ab"), at(4, "ef")}, []string{"ab", "gap 2", "ef"}},
		{"gap, timeout over", []reassembly.Segment{syn, at(4, "ef"), late(at(8, "i"))}, []string{"gap 4", "ef", "gap 2", "i"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s reassembly.Stream
			got := new(log)
			for _, seg := range tt.in {
				s.Advance(seg.Time, got)
				s.Add(seg, got)
			}
			s.Flush(got)
			if diff := cmp.Diff(tt.want, []string(*got)); diff != "" || s.Held() != 0 {
				t.Errorf("%d bytes held, data mismatch (-want +got):\n%s", s.Held(), diff)
			}
		})
	}
}

// TestStream_Acked skips a gap at once when the receiver has acknowledged it.
func TestStream_Acked(t *testing.T) {
	t.Parallel()
	var s reassembly.Stream
	got := new(log)
	s.Add(at(0, "ab"), got)
	s.Add(at(4, "ef"), got)
	s.Add(at(8, "ij"), got)
	s.Acked(at(4, "").Seq, got) // up to the hole's end: the segment behind it is not acknowledged yet
	if diff := cmp.Diff([]string{"ab"}, []string(*got)); diff != "" {
		t.Errorf("after an acknowledgement before the segment (-want +got):\n%s", diff)
	}
	s.Acked(at(6, "").Seq, got)
	if diff := cmp.Diff([]string{"ab", "gap 2", "ef"}, []string(*got)); diff != "" {
		t.Errorf("after the acknowledgement (-want +got):\n%s", diff)
	}
	if want := (reassembly.Stats{Gaps: 1}); s.Stats != want || s.Held() != 2 {
		t.Errorf("Stats = %+v, Held = %d; want %+v, 2", s.Stats, s.Held(), want)
	}
}

// TestStream_bounds holds that no more waits behind a gap than the bounds allow.
func TestStream_bounds(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1400, reassembly.MaxBytes + 1} {
		var s reassembly.Stream
		got := new(log)
		s.Add(at(0, "a"), got)
		for i := range 20 {
			s.Add(at(2+i*(size+1), strings.Repeat("x", size)), got)
			if s.Held() > reassembly.MaxBytes || s.Held() > reassembly.MaxSegments*size {
				t.Fatalf("%d bytes wait after segment %d of %d bytes", s.Held(), i, size)
			}
		}
		if s.Stats.Gaps == 0 {
			t.Errorf("no hole was given up with segments of %d bytes", size)
		}
	}
}

// TestStream_model shuffles a text within the bounds and wants it back.
func TestStream_model(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var text []byte
		var segs []reassembly.Segment
		for len(segs) < 40 {
			data := make([]byte, 1+rng.IntN(30))
			for i := range data {
				data[i] = byte('a' + rng.IntN(26))
			}
			segs = append(segs, at(len(text), string(data)))
			text = append(text, data...)
		}
		for i := 0; i+5 <= len(segs); i += 5 { // blocks are shuffled, and one is repeated
			rng.Shuffle(5, func(a, b int) { segs[i+a], segs[i+b] = segs[i+b], segs[i+a] })
		}
		segs = append(segs, segs[rng.IntN(len(segs))])
		var s reassembly.Stream
		got := new(log)
		s.Add(reassembly.Segment{Seq: isn, SYN: true}, got)
		for _, seg := range segs {
			s.Add(seg, got)
		}
		if diff := cmp.Diff(string(text), strings.Join(*got, "")); diff != "" {
			t.Fatalf("text mismatch (-want +got):\n%s", diff)
		}
	}
}

// FuzzStream feeds segments of any order, size and acknowledgement.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 0, 4, 0, 8, 4, 1, 4, 4, 2, 3, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		var s reassembly.Stream
		got := new(log)
		for now := int64(0); len(script) >= 3; script = script[3:] {
			kind, offset, size := script[0], int(script[1])*16, int(script[2])
			now += int64(kind>>4) * 20e6
			seg := at(offset, strings.Repeat("x", size))
			seg.Time, seg.SYN, seg.FIN = now, kind&1 != 0, kind&2 != 0
			s.Advance(now, got)
			if kind&4 != 0 {
				s.Acked(seg.Seq, got)
			}
			s.Add(seg, got)
			if s.Held() < 0 || s.Held() > reassembly.MaxBytes {
				t.Fatalf("Held = %d", s.Held())
			}
		}
		if s.Flush(got); s.Held() != 0 {
			t.Fatalf("Held = %d after Flush", s.Held())
		}
	})
}
