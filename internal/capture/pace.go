package capture

import (
	"errors"
	"io"
	"time"
)

// Pace replays a source at the speed at which it was recorded: Next waits until
// as much time has passed since the first frame as lies between the two in the
// capture. Packet times stay those of the capture.
type Pace struct {
	Source
	// Stop, if not nil, ends the replay: Next then returns io.EOF.
	Stop <-chan struct{}

	first   int64
	started time.Time
	next    Frame
	waiting bool
}

// idleAfter is how long Next waits before it returns ErrIdle, so that timeouts
// are noticed in a quiet stretch of the capture.
const idleAfter = 250 * time.Millisecond

// Next implements [Source].
func (p *Pace) Next(f *Frame) error {
	if !p.waiting {
		if err := p.Source.Next(&p.next); err != nil {
			if errors.Is(err, ErrAgain) {
				p.started = time.Time{}
			}
			return err
		}
		p.waiting = true
	}
	if p.started.IsZero() {
		p.first, p.started = p.next.Time, time.Now()
	}
	due := time.Until(p.started.Add(time.Duration(p.next.Time - p.first)))
	if due > 0 {
		select {
		case <-p.Stop:
			return io.EOF
		case <-time.After(min(due, idleAfter)):
		}
	}
	if due > idleAfter {
		return ErrIdle
	}
	p.waiting = false
	*f = p.next
	return nil
}

// Now returns the capture's time that corresponds to the present, for
// Table.Advance; 0 before the first frame.
func (p *Pace) Now() int64 {
	if p.started.IsZero() {
		return 0
	}
	return p.first + int64(time.Since(p.started))
}
