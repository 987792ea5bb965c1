package publish

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Rotator completes the file of the events at SIGHUP, so that a program that moves complete
// files away has all that was written until then. With another output SIGHUP does
// nothing. A beat that was started from a terminal ends with it, as every Beat: there
// the signal says that the terminal was closed.
type Rotator struct {
	task.Started
	Files  *Files
	Logger *slog.Logger
}

var _ task.Task = (*Rotator)(nil) // type check

// String implements [task.Task].
func (r *Rotator) String() string { return "rotation" }

// Run implements [task.Task]. It takes SIGHUP from libbeat, which would stop the beat.
func (r *Rotator) Run(ctx context.Context) error {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		r.MarkReady()
		<-ctx.Done()
		return nil
	}
	signal.Ignore(syscall.SIGHUP) // undoes libbeat's Notify
	requests := make(chan os.Signal, 1)
	signal.Notify(requests, syscall.SIGHUP)
	defer signal.Ignore(syscall.SIGHUP)
	r.MarkReady()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-requests:
			r.rotate()
		}
	}
}

// rotate completes the file.
func (r *Rotator) rotate() {
	if err := r.Files.Rotate(); err != nil {
		r.Logger.Warn("nothing was rotated at SIGHUP", "reason", err)
		return
	}
	r.Logger.Info("the file of the events was completed at SIGHUP")
}
