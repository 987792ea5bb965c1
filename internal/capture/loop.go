package capture

import (
	"errors"
	"io"
	"sync"
)

// Loop reads a source several times from its start. Packet times start over with
// each pass.
type Loop struct {
	mu   sync.Mutex // guards src against Stats
	src  Source
	open func() (Source, error)
	left int // further passes; negative for no end
}

var _ Source = (*Loop)(nil) // type check

// NewLoop returns a source that reads src and then n-1 times what open returns, or
// without end if n is 0.
func NewLoop(src Source, n int, open func() (Source, error)) *Loop {
	return &Loop{src: src, open: open, left: n - 1}
}

// Next implements [Source]. Between two passes it returns ErrAgain.
func (l *Loop) Next(f *Frame) error {
	err := l.src.Next(f)
	if !errors.Is(err, io.EOF) || l.left == 0 {
		return err
	}
	if err := l.reopen(); err != nil {
		return err
	}
	return ErrAgain
}

// ErrAgain is returned by Next before another pass over the same packets: what was
// metered so far is complete.
var ErrAgain = errors.New("capture: new pass")

// reopen replaces the source for the next pass.
func (l *Loop) reopen() error {
	if l.left > 0 {
		l.left--
	}
	next, err := l.open()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.src
	l.src = next
	return old.Close()
}

// Interfaces implements [Source].
func (l *Loop) Interfaces() *Interfaces {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.src.Interfaces()
}

// Stats implements [Source]; the counters are those of the current pass.
func (l *Loop) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.src.Stats()
}

// Close implements [Source].
func (l *Loop) Close() error { return l.src.Close() }
