package guard

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A part is stopped after maxPanics within panicWindow.
const (
	maxPanics   = 100
	panicWindow = time.Minute
)

// Part is a kind of work that may panic: see [Keeper.Part]. It is safe for
// concurrent use. A nil Part recovers from nothing and is never stopped.
type Part struct {
	keeper  *Keeper
	name    string
	panics  atomic.Uint64
	stopped atomic.Bool
	done    chan struct{} // closed after stopped was set

	times [maxPanics]time.Time // of the last panics, a ring; guarded by keeper.mu
	next  int                  // index of the oldest of times; guarded by keeper.mu
}

// ErrPanic is wrapped by the error of [Part.Do] after a panic.
var ErrPanic = errors.New("panic")

// ErrStopped is wrapped by the errors of a part that has panicked too often.
var ErrStopped = errors.New("stopped after too many panics")

// String returns the name of the part.
func (p *Part) String() string {
	if p == nil {
		return ""
	}
	return p.name
}

// Panics returns how many panics there were.
func (p *Part) Panics() uint64 {
	if p == nil {
		return 0
	}
	return p.panics.Load()
}

// Stopped reports whether the part has panicked too often: it must not go on.
func (p *Part) Stopped() bool { return p != nil && p.stopped.Load() }

// Done returns a channel that is closed when the part is stopped. It is nil, and
// blocks forever, if p is nil.
func (p *Part) Done() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.done
}

// Err returns nil, or an error wrapping [ErrStopped] once the part is stopped.
func (p *Part) Err() error {
	if !p.Stopped() {
		return nil
	}
	return fmt.Errorf("%s: %w", p.name, ErrStopped)
}

// Recover recovers from a panic of the function that defers it. input, which may be
// nil, points to the variable that holds what the function is working on; it is read
// only if there is a panic. Recover must be deferred itself:
//
//	defer part.Recover(&input)
func (p *Part) Recover(input *[]byte) {
	if p == nil {
		return // recover is not called: the panic goes on
	}
	if v := recover(); v != nil {
		var b []byte
		if input != nil {
			b = *input
		}
		p.caught(v, b)
	}
}

// Do calls f and recovers from its panic. input, which may be nil, returns what f
// works on; it is called after a panic, and before f if a test wants to see one. Do
// returns nil, or an error wrapping [ErrPanic] if f panicked. If the part is
// stopped, Do returns an error wrapping [ErrStopped] and does not call f.
func (p *Part) Do(input func() []byte, f func()) (err error) {
	if p == nil {
		f()
		return nil
	}
	if err := p.Err(); err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil {
			p.caught(v, p.input(input))
			err = fmt.Errorf("%s: %w", p.name, ErrPanic)
		}
	}()
	if p.keeper.probes.Load() != nil {
		p.Probe(p.input(input))
	}
	f()
	return nil
}

// input returns the input, nil if that panics as well.
func (p *Part) input(input func() []byte) (b []byte) {
	if input == nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			b = nil
		}
	}()
	return input()
}

// caught handles a panic. It is called by a deferred function, while the stack is
// still that of the panic.
func (p *Part) caught(v any, input []byte) {
	p.panics.Add(1)
	k := p.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if hash := stackHash(); k.isNew(hash) {
		k.note(p, &Caught{Value: describe(v), Hash: hash, Stack: string(debug.Stack()), Input: input})
	}
	p.stopIfFrequent()
}

// stopIfFrequent notes the time of a panic, and stops the part if there were too many.
// It is called with the keeper locked.
func (p *Part) stopIfFrequent() {
	now := time.Now()
	p.times[p.next] = now
	p.next = (p.next + 1) % len(p.times)
	oldest := p.times[p.next]
	if oldest.IsZero() || now.Sub(oldest) > panicWindow || p.stopped.Swap(true) {
		return
	}
	close(p.done)
	p.keeper.conf.Logger.Error("stopping a part that panics again and again", "part", p.name, "panics", p.panics.Load())
}

// OnStop calls f once when the part is stopped, unless ctx ends before. It does not
// block.
func (p *Part) OnStop(ctx context.Context, f func()) {
	if p == nil {
		return
	}
	go func() {
		select {
		case <-p.done:
			f()
		case <-ctx.Done():
		}
	}()
}
