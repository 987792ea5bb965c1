package source

import (
	"io"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// silence is the source of a program that looks at no packets.
type silence struct {
	stop  <-chan struct{}
	names capture.Interfaces
}

var _ capture.Source = (*silence)(nil) // type check

// silenceLasts is how long Next waits: as long as a ring without packets.
const silenceLasts = 100 * time.Millisecond

// Next implements [capture.Source].
func (s *silence) Next(*capture.Frame) error {
	select {
	case <-s.stop:
		return io.EOF
	case <-time.After(silenceLasts):
		return capture.ErrIdle
	}
}

// Interfaces implements [capture.Source].
func (s *silence) Interfaces() *capture.Interfaces { return &s.names }

// Stats implements [capture.Source].
func (s *silence) Stats() capture.Stats { return capture.Stats{} }

// Close implements [capture.Source].
func (s *silence) Close() error { return nil }
