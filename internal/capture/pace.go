package capture

import (
	"errors"
	"time"
)

// Pace replays a source at the speed at which it was recorded: Next waits until
// as much time has passed since the first frame as lies between the two in the
// capture. Packet times stay those of the capture.
type Pace struct {
	source Source
	wake   chan struct{} // holds a value between Wake and the next wait
	idle   time.Duration // see SetIdle
	waited bool          // the last Next had to wait

	first   int64     // packet time of the first frame
	started time.Time // when it was delivered; zero before
	next    Frame     // read ahead, valid if ahead is set
	ahead   bool
}

var _ Waiter = (*Pace)(nil) // type check

// NewPace returns a Pace that has read nothing. It closes src with itself.
func NewPace(src Source) *Pace {
	return &Pace{source: src, wake: make(chan struct{}, 1), idle: DefaultIdle}
}

// Next implements [Source].
func (p *Pace) Next(f *Frame) error {
	p.waited = false
	if !p.ahead {
		if err := p.source.Next(&p.next); err != nil {
			if errors.Is(err, ErrAgain) {
				p.started = time.Time{}
			}
			return err
		}
		p.ahead = true
	}
	if p.started.IsZero() {
		p.first, p.started = p.next.Time, time.Now()
	}
	due := time.Until(p.started.Add(time.Duration(p.next.Time - p.first)))
	if due > 0 && (!p.sleep(min(due, p.idle)) || due > p.idle) {
		return ErrIdle
	}
	p.ahead = false
	*f = p.next
	return nil
}

// sleep waits for d to pass. It reports false if Wake came first.
func (p *Pace) sleep(d time.Duration) bool {
	p.waited = true
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.wake:
		return false
	}
}

// Waited implements [Waiter].
func (p *Pace) Waited() bool { return p.waited }

// SetIdle implements [Waiter].
func (p *Pace) SetIdle(d time.Duration) { p.idle = d }

// Wake implements [Waiter].
func (p *Pace) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Interfaces implements [Source].
func (p *Pace) Interfaces() *Interfaces { return p.source.Interfaces() }

// Stats implements [Source].
func (p *Pace) Stats() Stats { return p.source.Stats() }

// Close implements [Source].
func (p *Pace) Close() error { return p.source.Close() }

// Now returns the capture's time that corresponds to the present, for
// Table.Advance; 0 before the first frame. Like Next, it is not safe for
// concurrent use.
func (p *Pace) Now() int64 {
	if p.started.IsZero() {
		return 0
	}
	return p.first + int64(time.Since(p.started))
}
