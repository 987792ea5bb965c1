package capture_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

const start = int64(1_700_000_000e9)

// arrivals reads p to its end and returns when each frame came, and how often
// there was none for a while.
func arrivals(p *capture.Pace) (at []time.Duration, idle int, err error) {
	begin := time.Now()
	for {
		var f capture.Frame
		switch err := p.Next(&f); {
		case err == nil:
			at = append(at, time.Since(begin))
		case errors.Is(err, capture.ErrIdle):
			idle++
		case errors.Is(err, capture.ErrAgain):
		default:
			return at, idle, err
		}
	}
}

func TestPace_Next(t *testing.T) {
	t.Parallel()
	const ms = int64(time.Millisecond)
	tests := []struct {
		name   string
		source *fakeSource
		want   []time.Duration
		idle   int
	}{
		{name: "empty", source: times("a")},
		{name: "as recorded", source: times("a", start, start+100*ms, start+200*ms), want: []time.Duration{0, 100e6, 200e6}},
		{name: "all at once", source: times("a", start, start, start), want: []time.Duration{0, 0, 0}},
		// A quiet second is four waits of 250 ms, three of them without a frame.
		{name: "quiet stretch", source: times("a", start, start+1000*ms), want: []time.Duration{0, 1e9}, idle: 3},
		{name: "back in time", source: times("a", start, start-5000*ms, start+10*ms), want: []time.Duration{0, 0, 10e6}},
		{name: "second pass", source: &fakeSource{steps: []any{frame(start, 1, "a"), frame(start+100*ms, 1, "a"), capture.ErrAgain,
			frame(start, 1, "a"), frame(start+100*ms, 1, "a")}}, want: []time.Duration{0, 100e6, 100e6, 200e6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, idle, err := arrivals(capture.NewPace(tt.source))
				if !errors.Is(err, io.EOF) {
					t.Errorf("Next: %v; want io.EOF", err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("arrivals mismatch (-want +got):\n%s", diff)
				}
				if idle != tt.idle {
					t.Errorf("idle %d times; want %d", idle, tt.idle)
				}
			})
		})
	}
}

func TestPace_Now(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := capture.NewPace(times("a", start, start+int64(time.Hour)))
		if got := p.Now(); got != 0 {
			t.Errorf("Now before the first frame = %d; want 0", got)
		}
		var f capture.Frame
		if err := p.Next(&f); err != nil {
			t.Fatal(err)
		}
		if got := p.Now(); got != start {
			t.Errorf("Now at the first frame = %d; want %d", got, start)
		}
		if err := p.Next(&f); !errors.Is(err, capture.ErrIdle) {
			t.Fatalf("Next: %v; want %v", err, capture.ErrIdle)
		}
		if got, want := p.Now(), start+250e6; got != want {
			t.Errorf("Now in a quiet stretch = %d; want %d", got, want)
		}
	})
}

// TestPace_Wake ends a wait, also one that has not begun yet, and loses no frame.
func TestPace_Wake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := capture.NewPace(times("a", start, start+int64(time.Hour)))
		p.SetIdle(2 * time.Hour)
		begin := time.Now()
		var f capture.Frame
		var got []string
		next := func() {
			got = append(got, fmt.Sprint(p.Next(&f), " ", p.Waited(), " ", time.Since(begin)))
		}
		next()
		time.AfterFunc(100*time.Millisecond, p.Wake)
		next()
		p.Wake()
		p.Wake()
		next()
		next()
		next()
		want := []string{"<nil> false 0s", capture.ErrIdle.Error() + " true 100ms", capture.ErrIdle.Error() + " true 100ms",
			"<nil> true 1h0m0s", "EOF false 1h0m0s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Next mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestPace_SetIdle waits for a frame in steps of the length that was set.
func TestPace_SetIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := capture.NewPace(times("a", start, start+int64(time.Minute)))
		p.SetIdle(10 * time.Second)
		at, idle, err := arrivals(p)
		if len(at) != 2 || at[1] != time.Minute || idle != 5 || !errors.Is(err, io.EOF) {
			t.Errorf("arrivals = %v, idle %d times, %v; want 2 in a minute, idle 5 times", at, idle, err)
		}
	})
}
