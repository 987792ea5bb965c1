package capture_test

import (
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// passes reads a loop up to an error that is not ErrAgain, at most n calls. It
// returns how many frames each pass had.
func passes(l *capture.Loop, n int) (frames []int, err error) {
	frames = []int{0}
	for range n {
		switch err := l.Next(new(capture.Frame)); {
		case err == nil:
			frames[len(frames)-1]++
		case errors.Is(err, capture.ErrAgain):
			frames = append(frames, 0)
		default:
			return frames, err
		}
	}
	return frames, nil
}

func TestLoop_Next(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	open := func() (capture.Source, error) { return times("a", 1, 2), nil }
	tests := []struct {
		name   string
		n      int
		open   func() (capture.Source, error)
		passes int
		err    error
	}{
		{name: "once", n: 1, open: open, passes: 1, err: io.EOF},
		{name: "twice", n: 2, open: open, passes: 2, err: io.EOF},
		{name: "ten times", n: 10, open: open, passes: 10, err: io.EOF},
		{name: "without end", n: 0, open: open, passes: 334},
		{name: "file gone", n: 2, open: func() (capture.Source, error) { return nil, boom }, passes: 1, err: boom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := passes(capture.NewLoop(times("a", 1, 2), tt.n, tt.open), 1000)
			if !errors.Is(err, tt.err) {
				t.Errorf("Next: %v; want %v", err, tt.err)
			}
			if len(got) != tt.passes || got[0] != 2 || got[len(got)-1] == 0 {
				t.Errorf("frames by pass: %v; want %d passes of 2", got, tt.passes)
			}
		})
	}
}

// TestLoop_Next_errors passes on what is not the end, and closes each pass once.
func TestLoop_Next_errors(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	first, second := &fakeSource{steps: []any{capture.ErrIdle, io.EOF}}, &fakeSource{steps: []any{boom}}
	l := capture.NewLoop(first, 2, func() (capture.Source, error) { return second, nil })
	for _, want := range []error{capture.ErrIdle, capture.ErrAgain, boom} {
		if err := l.Next(new(capture.Frame)); !errors.Is(err, want) {
			t.Errorf("Next: %v; want %v", err, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if first.closed != 1 || second.closed != 1 {
		t.Errorf("passes closed %d and %d times; want once each", first.closed, second.closed)
	}
}

// TestLoop_Stats reads the counters while the loop goes on, for -race.
func TestLoop_Stats(t *testing.T) {
	t.Parallel()
	names := new(capture.Interfaces)
	open := func() (capture.Source, error) {
		return &fakeSource{names: names, stats: capture.Stats{Bytes: 5}}, nil
	}
	first, _ := open()
	l := capture.NewLoop(first, 1000, open)
	var readers sync.WaitGroup
	readers.Go(func() {
		for range 1000 {
			if l.Stats().Bytes != 5 || l.Interfaces() != names {
				t.Error("Stats or Interfaces are not those of a pass")
			}
		}
	})
	if _, err := passes(l, 2000); !errors.Is(err, io.EOF) {
		t.Errorf("Next: %v; want io.EOF", err)
	}
	readers.Wait()
}
