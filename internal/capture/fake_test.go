package capture_test

import (
	"io"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// fakeSource delivers steps: a Frame or an error each; after the last, that
// error again and again, as a damaged file does, or io.EOF.
type fakeSource struct {
	steps    []any
	names    *capture.Interfaces
	stats    capture.Stats
	calls    int
	closed   int
	closeErr error
}

var _ capture.Source = (*fakeSource)(nil) // type check

// Next implements [capture.Source].
func (s *fakeSource) Next(f *capture.Frame) error {
	s.calls++
	if len(s.steps) == 0 {
		return io.EOF
	}
	switch step := s.steps[min(s.calls, len(s.steps))-1].(type) {
	case error:
		return step
	case capture.Frame:
		if s.calls > len(s.steps) {
			return io.EOF
		}
		*f = step
	}
	return nil
}

// Interfaces implements [capture.Source].
func (s *fakeSource) Interfaces() *capture.Interfaces { return s.names }

// Stats implements [capture.Source].
func (s *fakeSource) Stats() capture.Stats { return s.stats }

// Close implements [capture.Source].
func (s *fakeSource) Close() error {
	s.closed++
	return s.closeErr
}

// times is a source of frames at these times; their data is tag.
func times(tag string, at ...int64) *fakeSource {
	s := &fakeSource{}
	for _, t := range at {
		s.steps = append(s.steps, frame(t, uint32(len(tag)), tag))
	}
	return s
}
