package source

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// silence is the source of a program that looks at no packets. Its Next blocks
// until Wake.
type silence struct {
	wake  chan struct{}
	names capture.Interfaces
}

var _ capture.Waiter = (*silence)(nil) // type check

func newSilence() *silence { return &silence{wake: make(chan struct{}, 1)} }

// Next implements [capture.Source].
func (s *silence) Next(*capture.Frame) error {
	<-s.wake
	return capture.ErrIdle
}

// Waited implements [capture.Waiter].
func (s *silence) Waited() bool { return true }

// SetIdle implements [capture.Waiter]. Nothing is due while no packet comes, so
// that Next may wait for ever.
func (s *silence) SetIdle(time.Duration) {}

// Wake implements [capture.Waiter].
func (s *silence) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Interfaces implements [capture.Source].
func (s *silence) Interfaces() *capture.Interfaces { return &s.names }

// Stats implements [capture.Source].
func (s *silence) Stats() capture.Stats { return capture.Stats{} }

// Close implements [capture.Source].
func (s *silence) Close() error { return nil }
