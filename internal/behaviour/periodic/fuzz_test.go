package periodic_test

import (
	"encoding/binary"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
)

// FuzzSeries adds arrivals at any times: no panic, and no verdict outside of its bounds.
func FuzzSeries(f *testing.F) {
	f.Add([]byte{0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 60})
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0, 128, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s periodic.Series
		at := int64(start)
		for ; len(data) >= 4; data = data[4:] {
			at += int64(int32(binary.BigEndian.Uint32(data))) * 1e6
			s.Size(uint64(data[0]) << 30)
			if !s.Add(at) {
				continue
			}
			v := s.Look()
			if v.Score < 0 || v.Score > 1 || v.Margin > 1 || v.Coherence > 1.001 || v.Regular && v.Period <= 0 || v.Gaps > periodic.Ring {
				t.Fatalf("verdict = %+v", v)
			}
		}
	})
}

// TestSeries_breaks does not take a suspend or a clock that is set back for a gap.
func TestSeries_breaks(t *testing.T) {
	t.Parallel()
	var s periodic.Series
	at := int64(start)
	regular := 0
	for i := range 60 {
		switch at += 60e9; i {
		case 20:
			at += 9 * 3600e9 // the lid was closed
		}
		if s.Add(at) {
			if v := s.Look(); v.Regular {
				regular++
				if v.Spread != 0 {
					t.Errorf("spread = %g after a suspend; want 0", v.Spread)
				}
			}
		}
	}
	if regular == 0 || s.Beats() != 59 {
		t.Errorf("%d beats, %d looks found them regular; want 59 beats of a regular series", s.Beats(), regular)
	}
	if s.Add(at - 3600e9); s.Beats() != 1 {
		t.Errorf("%d beats after the clock was set back; want a new series", s.Beats())
	}
}

// TestSeries_together makes one beat of the connections of a check-in.
func TestSeries_together(t *testing.T) {
	t.Parallel()
	var s periodic.Series
	var v periodic.Verdict
	for i := range int64(40) {
		for _, offset := range []int64{0, 100e6, 2e9, 2.1e9} {
			if s.Add(start + i*300e9 + offset) {
				v = s.Look()
			}
		}
	}
	if !v.Regular || v.Period != 300e9 {
		t.Errorf("verdict = %+v; want a period of 300 s", v)
	}
}

// BenchmarkSeries is what an arrival costs, looks included.
func BenchmarkSeries(b *testing.B) {
	b.ReportAllocs()
	var s periodic.Series
	at := int64(start)
	for b.Loop() {
		at += 50e9 + at%20e9
		if s.Add(at) {
			s.Look()
		}
	}
}
