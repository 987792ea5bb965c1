package beat

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Timeout bounds the start and the stop of a beat.
const Timeout = 30 * time.Second

// Beat is a beat that has been started. It is safe for concurrent use.
type Beat struct {
	// Home is its folder.
	Home string

	cmd   *exec.Cmd
	log   Buffer // standard error
	ended chan struct{}
	err   error // of the process, valid once ended is closed
}

// Launch starts the beat. It is killed at the end of the test, which shows the end of its
// log if it has failed.
func (c Command) Launch(tb testing.TB) *Beat {
	tb.Helper()
	b := &Beat{Home: c.Home, cmd: c.cmd(context.Background()), ended: make(chan struct{})}
	b.cmd.Stderr = &b.log
	start := c.Start
	if start == nil {
		start = (*exec.Cmd).Start
	}
	if err := start(b.cmd); err != nil {
		tb.Fatal(err)
	}
	go func() {
		b.err = b.cmd.Wait()
		close(b.ended)
	}()
	tb.Cleanup(func() {
		b.Kill()
		if tb.Failed() {
			tb.Logf("end of the log of %s:\n%s", b.cmd.Path, b.Tail())
		}
	})
	return b
}

// PID returns the number of its process.
func (b *Beat) PID() int { return b.cmd.Process.Pid }

// Log returns what the beat has logged.
func (b *Beat) Log() string { return b.log.String() }

// Ended is closed when the process has ended.
func (b *Beat) Ended() <-chan struct{} { return b.ended }

// HasEnded reports whether the process has ended.
func (b *Beat) HasEnded() bool {
	select {
	case <-b.ended:
		return true
	default:
		return false
	}
}

// Err waits for the end of the process and returns how that was, as [exec.Cmd.Wait] does.
func (b *Beat) Err() error {
	<-b.ended
	return b.err
}

// Peak waits for the end of the process and returns the most memory that it had resident,
// in bytes.
func (b *Beat) Peak() uint64 {
	<-b.ended
	return uint64(b.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) << 10
}

// Signal sends a signal to the process, unless that has ended.
func (b *Beat) Signal(tb testing.TB, sig os.Signal) {
	tb.Helper()
	if err := b.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Error(err)
	}
}

// Kill ends the beat like a crash.
func (b *Beat) Kill() {
	_ = b.cmd.Process.Kill()
	<-b.ended
}

// End ends the beat as systemd does, with SIGTERM.
func (b *Beat) End(tb testing.TB) {
	tb.Helper()
	b.Signal(tb, syscall.SIGTERM)
	select {
	case <-b.ended:
		if b.err != nil {
			tb.Errorf("the beat ended with %v\n%s", b.err, b.Tail())
		}
	case <-time.After(Timeout):
		tb.Fatalf("the beat did not end in %v after SIGTERM", Timeout)
	}
}

// Stop ends the beat with SIGTERM and returns its events.
func (b *Beat) Stop(tb testing.TB) Events {
	tb.Helper()
	b.End(tb)
	return b.Events(tb)
}
