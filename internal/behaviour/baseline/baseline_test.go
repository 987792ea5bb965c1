package baseline_test

import (
	"bytes"
	"errors"
	"math"
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
	if e.Hold(at, 7*day, 2); b.Known(e, at+6*day) || !b.Known(e, at+9*day) {
		t.Error("a destination that is held for a week is learned before, or not at all")
	}
	if e.Hold(at+5*day, 7*day, 2); !b.Known(e, at+9*day) {
		t.Error("a destination is held for longer because it is found again")
	}
	if e.Hold(at+6*day, 7*day, 3); b.Known(e, at+12*day) || !b.Known(e, at+15*day) {
		t.Error("a destination that is found at a higher level is not held from then on")
	}
	if e.Hold(at+16*day, 7*day, 3); !b.Known(e, at+17*day) {
		t.Error("a destination is held again after it was learned")
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
	if e.Upload() != 0 {
		t.Errorf("uploaded %d before", e.Upload())
	}
	e.AddUpload(1000)
	e.AddUpload(10)
	if most := e.Upload(); most < 800 || most > 1000 {
		t.Errorf("uploaded %d at most; want about 1000", most)
	}
	if e.AddLongest(3600e9); e.AddLongest(1) < 3200e9 {
		t.Errorf("longest was forgotten")
	}
}

// TestHours knows the hours of a qube that is used at work.
func TestHours(t *testing.T) {
	t.Parallel()
	var h baseline.Hours
	if _, p, odd := h.Share(start, 1); p != 1 || odd {
		t.Error("something is unlikely before anything is known")
	}
	monday := int64(1_699_833_600e9) // 2023-11-13 00:00
	for week := range int64(6) {
		h.Add(monday + week*7*day + 2*60*minute) // a program of the night
		for d := range int64(5) {
			for hour := int64(9); hour < 17; hour++ {
				h.Add(monday + week*7*day + d*day + hour*60*minute)
			}
		}
	}
	at := monday + 6*7*day
	for _, tt := range []struct {
		hour, own, around float64
		odd               bool
	}{{11, 0.024, 0.024, false}, {3, 0, 0.008, false}, {5, 0, 0, true}, {2, 0.024, 0.024, false}, {17, 0, 0.008, false}} {
		own, around, odd := h.Share(at+int64(tt.hour*60)*minute, 0.005)
		if math.Abs(own-tt.own) > 0.004 || math.Abs(around-tt.around) > 0.002 || odd != tt.odd {
			t.Errorf("%g:00 has the share %.4f and %.4f, odd %v; want about %.4f, %.4f, %v", tt.hour, own, around, odd, tt.own, tt.around, tt.odd)
		}
	}
	h.Add(at + 5*60*minute)
	if own, around, odd := h.Share(at+5*60*minute+minute, 0.005); own != 0 || around != 0 || !odd {
		t.Errorf("5:00 has the share %.4f and %.4f, odd %v, by what happens at the time", own, around, odd)
	}
	if w := h.Weeks((4*24 + 11) % 168); w < 2 || w > 6 {
		t.Errorf("Monday 11:00 was active in %g weeks", w)
	}
}

// TestHours_always finds no odd hour in a qube that is always on, at any hour of the week, nor in its first weeks.
func TestHours_always(t *testing.T) {
	t.Parallel()
	var h baseline.Hours
	for i := range int64(8 * 168) {
		at := start - start%(7*day) + i*60*minute
		if own, _, odd := h.Share(at, 0.005); odd || i > 3*168 && (own < 0.0055 || own > 0.0065) {
			t.Fatalf("after %d hours: the share %.4f, odd %v; want one of 168", i, own, odd)
		}
		h.Add(at)
	}
}

// TestHours_often finds no odd hour in a qube that is on in four of five hours, whichever these are, after
// two weeks.
func TestHours_often(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var h baseline.Hours
	seldom := 0
	for i := range int64(8 * 168) {
		at := start + i*60*minute
		_, around, odd := h.Share(at, 0.005)
		if i > 2*168 && odd {
			t.Errorf("after %d hours: the share %.4f is odd", i, around)
		}
		if i > 2*168 && around < 0.005 {
			seldom++
		}
		if rng.IntN(5) > 0 {
			h.Add(at)
		}
	}
	if seldom == 0 {
		t.Error("no hour has a small share: the test shows nothing")
	}
}

// TestBaseline_GoOn counts a connection that goes on where nothing else is used, and keeps what was contacted once as that.
func TestBaseline_GoOn(t *testing.T) {
	t.Parallel()
	var b baseline.Baseline
	learn := baseline.Learning{Span: 7 * day, Days: 3, Uses: 200}
	e, _ := b.Observe(baseline.Destination, 1, start, room)
	for i := range int64(10 * 48) {
		b.GoOn(e, start+(i+1)*30*minute)
		b.GoOn(e, start+(i+1)*30*minute+1) // the same slot
	}
	at := start + 10*day
	if !b.Learned(&learn, at) || b.Observations() != 481 || b.Days() != 11 || e.Uses() != 481 || e.Last() < at-10*minute {
		t.Errorf("%d observations on %d days, %d uses; want 481, 11, 481", b.Observations(), b.Days(), e.Uses())
	}
	if p := b.Missing(baseline.Destination); p < 1/482. {
		t.Errorf("Missing = %g of a qube whose one destination was contacted once", p)
	}
	before := b.Observations()
	for i := range int64(100) { // a busy time: the connection goes on beside others
		b.Observe(baseline.Destination, uint64(2+i), at+i*10*minute, room)
		b.GoOn(e, at+i*10*minute)
	}
	if n := b.Observations() - before; n != 100 {
		t.Errorf("%d observations for 100 contacts and a connection that goes on; want 100", n)
	}
	again, err := baseline.Decode(b.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*baseline.Baseline{&b, again} {
		missing := one.Missing(baseline.Destination)
		one.Observe(baseline.Destination, 1, at+2*day, room)
		if p := one.Missing(baseline.Destination); p >= missing*0.995 {
			t.Errorf("Missing = %g before and %g after a second contact with what was contacted once", missing, p)
		}
	}
	if b.Forget(at+200*day, day); b.Missing(baseline.Destination) < 0.4 {
		t.Errorf("Missing = %g when all was forgotten", b.Missing(baseline.Destination))
	}
}

// TestBaseline_Fleeting is high for a qube whose destinations are others each day, however often it uses each.
func TestBaseline_Fleeting(t *testing.T) {
	t.Parallel()
	var peers, mail baseline.Baseline
	for i := range int64(20 * 144) {
		at := start + i*10*minute
		peers.Observe(baseline.Destination, uint64(i/40), at, room)
		mail.Observe(baseline.Destination, uint64(i%7), at, room)
		if i%72 == 0 {
			mail.Observe(baseline.Destination, uint64(1000+i), at+minute, room)
		}
	}
	now := start + 20*day
	for _, tt := range []struct {
		b        *baseline.Baseline
		low, top float64
	}{{&peers, 0.95, 1}, {&mail, 0, 0.05}, {new(baseline.Baseline), 0, 0}} {
		if p := tt.b.Fleeting(baseline.Destination, now); p < tt.low || p > tt.top {
			t.Errorf("Fleeting = %g; want %g to %g", p, tt.low, tt.top)
		}
	}
	if p := peers.Fleeting(baseline.Destination, start+day/2); p != 0 {
		t.Errorf("Fleeting = %g of what may come again", p)
	}
}

// TestBaseline_Learned takes few uses for enough after many days.
func TestBaseline_Learned(t *testing.T) {
	t.Parallel()
	learn := baseline.Learning{Span: 7 * day, Days: 3, Uses: 200}
	var b baseline.Baseline
	for i := range int64(13) {
		at := start + 2*i*day
		b.Observe(baseline.Destination, 1, at, room)
		if learned := b.Learned(&learn, at); learned != (i >= 11) {
			t.Errorf("Learned = %v on %d days", learned, b.Days())
		}
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
		if own, p, _ := b.Hours().Share(start, 0.005); !(own >= 0 && own <= 1 && p >= own && p <= 1) {
			t.Errorf("Share = %g, %g", own, p)
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
