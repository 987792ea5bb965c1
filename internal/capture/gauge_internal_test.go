package capture

import (
	"testing"
	"time"
)

// read has a gauge see blocks of one level, one each millisecond, until the pressure is
// another one or for a minute. It returns that pressure and when it came.
func (g *gauge) read(l level, at int64) (pressure, int64) {
	for end := at + int64(time.Minute); at < end; {
		at += int64(time.Millisecond)
		if now := g.next(l, at); now != g.now {
			g.now = now
			break
		}
	}
	return g.now, at
}

// TestGauge rises with the level, and goes back to calm later each time that it was too early.
func TestGauge(t *testing.T) {
	t.Parallel()
	g := gauge{relief: true, blocks: 10_000}
	at := int64(1e18)
	for _, tt := range []struct {
		name  string
		level level
		want  pressure
		after time.Duration
	}{
		{"few", few, calm, time.Minute},
		{"an eighth", some, calm, time.Minute},
		{"a third", third, strained, time.Millisecond},
		{"two thirds", twoThirds, squeezed, time.Millisecond},
		{"a third again", third, squeezed, time.Minute},
		{"an eighth again", some, squeezed, time.Minute},
		{"few again", few, calm, quietBlocks * time.Millisecond},
		{"second rise", third, strained, time.Millisecond},
		{"held", few, calm, firstHold},
		{"third rise", third, strained, time.Millisecond},
		{"held for longer", few, calm, 2 * firstHold},
		{"fourth rise", third, strained, time.Millisecond},
		{"held for longer again", few, calm, 4 * firstHold},
		{"a minute", few, calm, time.Minute},
		{"rise after that", third, strained, time.Millisecond},
		{"not held", few, calm, quietBlocks * time.Millisecond},
	} {
		before := at
		var got pressure
		if got, at = g.read(tt.level, at); got != tt.want || time.Duration(at-before) != tt.after {
			t.Errorf("%s: pressure %d after %v; want %d after %v", tt.name, got, time.Duration(at-before), tt.want, tt.after)
		}
	}
	for range 20 {
		_, at = g.read(third, at)
		_, at = g.read(few, at)
	}
	if g.hold != int64(lastHold) {
		t.Errorf("it is held for %v at last; want %v", time.Duration(g.hold), lastHold)
	}
}

// TestGauge_fast is under pressure when the ring would be full soon, although few blocks
// wait.
func TestGauge_fast(t *testing.T) {
	t.Parallel()
	const blocks = 192
	for _, tt := range []struct {
		name   string
		lasts  time.Duration // of the ring
		relief bool
		want   pressure
	}{
		{"slow", ringLasts * 11 / 10, true, calm},
		{"fast", ringLasts * 9 / 10, true, strained},
		{"nothing to gain", ringLasts * 9 / 10, false, calm},
	} {
		g := gauge{relief: tt.relief, blocks: blocks}
		for at := int64(1e18); at < 1e18+int64(ringLasts); at += int64(tt.lasts) / blocks {
			g.now = g.next(few, at)
		}
		if g.now != tt.want {
			t.Errorf("%s: pressure %d; want %d", tt.name, g.now, tt.want)
		}
	}
}
