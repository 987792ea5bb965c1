// Package filelock takes the lock of an open file for one process, as flock(2) does.
//
// A child process has the open files of its parent between its fork and its exec, and
// with them their locks. A lock that a process has given back may therefore be held for
// some milliseconds more, by a child that knows nothing of it; [Try] waits for that.
package filelock

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld is returned by [Try] while another process holds the lock.
var ErrHeld = errors.New("another process holds the lock")

// longest is how long a lock is tried, and pause the time from one try to the next.
const (
	longest = 500 * time.Millisecond
	pause   = 5 * time.Millisecond
)

// Try takes the exclusive lock of f. It waits half a second at most, and then returns
// [ErrHeld]. The lock ends with [Release] or the process.
func Try(f *os.File) error {
	for end := time.Now().Add(longest); ; time.Sleep(pause) {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		case time.Now().After(end):
			return ErrHeld
		}
	}
}

// Held reports whether a process, this one too, holds the lock of f by another open file.
func Held(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	}
	return errors.Is(err, unix.EWOULDBLOCK)
}

// Release gives the lock back, also for children that have inherited f, and closes f.
func Release(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}
