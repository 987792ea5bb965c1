package baseline_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

const (
	start  = int64(1_700_000_000e9)
	minute = int64(60e9)
	day    = int64(24 * 3600e9)
)

// room lets a table grow.
func room(int) bool { return true }

// TestBaseline_Known learns what is used before learning is over, and a new thing a day
// later, unless it is held.
func TestBaseline_Known(t *testing.T) {
	t.Parallel()
	var b baseline.Baseline
	learn := baseline.Learning{Span: 3 * day, Days: 3, Uses: 200}
	at := start
	for i := range 400 {
		at = start + int64(i)*15*minute
		b.Observe(baseline.Destination, uint64(i%10), at, room)
		if learned := b.Learned(&learn, at); learned != (at-start >= 3*day) {
			t.Fatalf("Learned = %v after %d minutes", learned, (at-start)/minute)
		}
	}
	e, fresh := b.Observe(baseline.Destination, 99, at, room)
	if !fresh || b.Known(e, at) || b.Known(nil, at) {
		t.Error("a new destination is known")
	}
	if old := b.Find(baseline.Destination, 3); !b.Known(old, at) || old.Uses() < 30 {
		t.Errorf("destination 3 is not known after %d uses", old.Uses())
	}
	if !b.Known(e, at+day) {
		t.Error("a destination is new for more than a day")
	}
	if e.Hold(at, 7*day); b.Known(e, at+6*day) || !b.Known(e, at+9*day) {
		t.Error("a destination that is held for a week is learned before, or not at all")
	}
	if e.Release(); !b.Known(e, at+day) {
		t.Error("a destination that was released is not known")
	}
	if p := b.Missing(baseline.Destination); p > 0.01 || b.Surprise(baseline.Destination) < 6 {
		t.Errorf("Missing = %g of a qube that uses ten destinations", p)
	}
}

// TestBaseline_Missing is high for a qube that uses everything once.
func TestBaseline_Missing(t *testing.T) {
	t.Parallel()
	var b baseline.Baseline
	if b.Missing(baseline.Port) != 1 {
		t.Error("nothing is known, and something is missing for sure")
	}
	for i := range 100 {
		b.Observe(baseline.Destination, uint64(i), start+int64(i)*minute, room)
	}
	if p := b.Missing(baseline.Destination); p < 0.9 {
		t.Errorf("Missing = %g; want nearly 1", p)
	}
	for i := range 100 { // again, and an hour later
		b.Observe(baseline.Destination, uint64(i), start+int64(i)*minute+day, room)
	}
	if p := b.Missing(baseline.Destination); p > 0.01 {
		t.Errorf("Missing = %g when all was used twice", p)
	}
}

// TestBaseline_bounds keeps within the largest table and within what the caller allows, and
// loses what was used longest ago.
func TestBaseline_bounds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, limit := range []int{64, baseline.MaxSlots} {
		var b baseline.Baseline
		grow := func(more int) bool { return b.Slots()+more <= limit }
		for i := range 50_000 {
			b.Observe(baseline.Destination, rng.Uint64(), start+int64(i)*minute, grow)
			b.Observe(baseline.Destination, 42, start+int64(i)*minute, grow)
		}
		if b.Slots() != limit || b.Len(baseline.Destination) > limit*7/8 || b.Evicted() == 0 {
			t.Errorf("%d slots, %d destinations, %d evicted; want %d slots", b.Slots(), b.Len(baseline.Destination), b.Evicted(), limit)
		}
		if e := b.Find(baseline.Destination, 42); e == nil || e.Uses() < 4000 {
			t.Errorf("the destination that is always used was forgotten")
		}
		if n := b.Forget(start+50_000*minute, 60*minute); n == 0 || b.Len(baseline.Destination) > 62 {
			t.Errorf("%d were forgotten, %d are left", n, b.Len(baseline.Destination))
		}
	}
	if n := unsafe.Sizeof(baseline.Entry{}); n != baseline.EntrySize {
		t.Errorf("an entry takes %d bytes; want %d", n, baseline.EntrySize)
	}
}

// TestEntry remembers periods, durations and uploads about right.
func TestEntry(t *testing.T) {
	t.Parallel()
	var b baseline.Baseline
	e, _ := b.Observe(baseline.Destination, 1, start, room)
	if e.Periodic(60e9) {
		t.Error("periodic before it was")
	}
	e.SetPeriod(60e9)
	if !e.Periodic(60e9) || !e.Periodic(65e9) || e.Periodic(90e9) || e.Periodic(30e9) {
		t.Error("a period of 60 s is not one of 60 s, or is one of 30 or 90 s")
	}
	if before := e.AddUpload(1000); before != 0 {
		t.Errorf("uploaded %d before", before)
	}
	if before := e.AddUpload(10); before < 800 || before > 1000 {
		t.Errorf("uploaded %d before; want about 1000", before)
	}
	if e.AddLongest(3600e9); e.AddLongest(1) < 3200e9 {
		t.Errorf("longest was forgotten")
	}
}

// TestHours knows the hours of a qube that is used at work.
func TestHours(t *testing.T) {
	t.Parallel()
	var h baseline.Hours
	if h.Probability(start) != 1 {
		t.Error("something is unlikely before anything is known")
	}
	monday := int64(1_699_833_600e9) // 2023-11-13 00:00
	for week := range int64(6) {
		for d := range int64(5) {
			for hour := int64(9); hour < 17; hour++ {
				h.Add(monday + week*7*day + d*day + hour*60*minute)
			}
		}
	}
	at := monday + 6*7*day
	if p := h.Probability(at + 11*60*minute); p < 0.02 {
		t.Errorf("11:00 has the probability %g", p)
	}
	if p := h.Probability(at + 3*60*minute); p > 0.001 {
		t.Errorf("3:00 has the probability %g", p)
	}
	if w := h.Weeks((4*24 + 11) % 168); w < 2 || w > 6 {
		t.Errorf("Monday 11:00 was active in %g weeks", w)
	}
}

// filled is a baseline with something of everything.
func filled() *baseline.Baseline {
	var b baseline.Baseline
	for i := range 300 {
		e, _ := b.Observe(baseline.Kind(i%3), uint64(i%40)*0x9e3779b97f4a7c15, start+int64(i)*40*minute, room)
		e.SetPeriod(int64(i) * 1e9)
		b.Hours().Add(start + int64(i)*40*minute)
	}
	return &b
}

// TestDecode reads what was written, and nothing that is cut short.
func TestDecode(t *testing.T) {
	t.Parallel()
	text := filled().Append(nil)
	b, err := baseline.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Append(nil), text) {
		again, err := baseline.Decode(b.Append(nil)) // the order in the table may differ once
		if err != nil || len(again.Append(nil)) != len(text) || again.Observations() != filled().Observations() {
			t.Errorf("a baseline changes when it is written and read")
		}
	}
	for n := range text {
		if _, err := baseline.Decode(text[:n]); !errors.Is(err, baseline.ErrMalformed) {
			t.Fatalf("Decode of %d of %d bytes = %v", n, len(text), err)
		}
	}
}

// FuzzDecode reads anything; what it accepts can be used and written.
func FuzzDecode(f *testing.F) {
	f.Add(filled().Append(nil))
	f.Add(new(baseline.Baseline).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := baseline.Decode(data)
		if err != nil {
			return
		}
		for i := range uint64(40) {
			b.Observe(baseline.Destination, i, start+int64(i)*day, func(more int) bool { return b.Slots()+more <= baseline.MaxSlots })
		}
		b.Forget(start+400*day, day)
		if p := b.Missing(baseline.Destination); !(p >= 0) {
			t.Errorf("Missing = %g", p)
		}
		b.Hours().Add(start)
		if p := b.Hours().Probability(start); p < 0 || p > 1 {
			t.Errorf("Probability = %g", p)
		}
	})
}

// BenchmarkObserve is what the use of a known destination costs.
func BenchmarkObserve(b *testing.B) {
	b.ReportAllocs()
	l := filled()
	at := start
	for i := uint64(0); b.Loop(); i++ {
		at += minute
		l.Observe(baseline.Destination, i%40*0x9e3779b97f4a7c15, at, room)
	}
}

// TestBaseline_clock counts on after the clock was years ahead, and counts no day twice whose packets
// come around midnight in another order.
func TestBaseline_clock(t *testing.T) {
	t.Parallel()
	const day = int64(24 * 3600e9)
	from := int64(1_700_000_000e9) / day * day
	grow := func(int) bool { return true }
	var set, late baseline.Baseline
	for _, at := range []int64{from, from + 3650*day, from + day, from + 2*day, from + 3*day} {
		set.Observe(baseline.Destination, 1, at, grow)
	}
	if set.Days() != 5 {
		t.Errorf("%d days with a clock that was set; want 5", set.Days())
	}
	for i := range int64(100) {
		late.Observe(baseline.Destination, 1, from+day+(i%2*2-1)*1e9, grow)
	}
	if late.Days() != 2 {
		t.Errorf("%d days around midnight; want 2", late.Days())
	}
}
