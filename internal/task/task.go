package task

import (
	"context"
	"fmt"
)

// Task is a long-lived part of a program.
type Task interface {
	// Run blocks until ctx ends, finishes what is under way and returns nil. It
	// returns earlier with an error if the task cannot go on, and with nil if
	// nothing is left to do, as at the end of a capture file. Run is called once.
	Run(ctx context.Context) error
	// Ready returns a channel that is closed once the task serves its purpose. It
	// may be called before Run, from any goroutine, any number of times.
	Ready() <-chan struct{}
	// String returns the name of the task in logs and errors: a noun, lower case.
	fmt.Stringer
}

// lateKey is the key of a context's value: see [WithLate].
type lateKey struct{}

// WithLate returns a context whose [Late] is late.
func WithLate(ctx context.Context, late <-chan struct{}) context.Context {
	return context.WithValue(ctx, lateKey{}, late)
}

// Late returns a channel that is closed once the time for stopping is over: from
// then on a task must not wait for anything. It is nil, and blocks forever, if the
// context knows no such limit.
func Late(ctx context.Context) <-chan struct{} {
	late, _ := ctx.Value(lateKey{}).(<-chan struct{})
	return late
}

// Started is a [Task.Ready] for tasks to embed. The zero value is not ready. It is
// safe for concurrent use.
type Started struct{ flag onceFlag }

// Ready returns a channel that is closed by MarkReady.
func (s *Started) Ready() <-chan struct{} { return s.flag.done() }

// MarkReady closes the channel that Ready returns. Further calls have no effect.
func (s *Started) MarkReady() { s.flag.set() }
