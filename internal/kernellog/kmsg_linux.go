package kernellog

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// KmsgPath is the device of the kernel's log. Reading it needs CAP_SYSLOG where
// kernel.dmesg_restrict is set, as in Qubes.
const KmsgPath = "/dev/kmsg"

// Kmsg reads the kernel's log from now on.
type Kmsg struct {
	file   *os.File
	missed atomic.Uint64
}

// OpenKmsg opens the log at path.
func OpenKmsg(path string) (*Kmsg, error) {
	// Not blocking, so that the runtime waits for it and Close ends a Read.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the kernel's log (needs CAP_SYSLOG): %w", err)
	}
	if _, err := file.Seek(0, 2); err != nil { // the end: what has happened before us is not ours
		return nil, errors.Join(fmt.Errorf("opening the kernel's log: %w", err), file.Close())
	}
	return &Kmsg{file: file}, nil
}

// Close ends Run.
func (k *Kmsg) Close() error { return k.file.Close() }

// Missed returns how often the kernel has overwritten records before they were
// read. It is safe for concurrent use.
func (k *Kmsg) Missed() uint64 { return k.missed.Load() }

// Run hands the messages to message, with their times, until Close is called.
func (k *Kmsg) Run(message func(text string, at time.Time)) error {
	buf := make([]byte, 8<<10) // a read returns one record, or EINVAL where it does not fit
	for {
		n, err := k.file.Read(buf)
		switch {
		case errors.Is(err, unix.EPIPE):
			k.missed.Add(1)
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EINTR):
		case errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("reading the kernel's log: %w", err)
		default:
			if r, ok := readRecord(string(buf[:n])); ok && r.isKernel {
				message(r.text, sinceBoot(r.since))
			}
		}
	}
}

// sinceBoot turns the kernel's clock, which stands still while the machine sleeps,
// into a time of day.
func sinceBoot(since time.Duration) time.Time {
	now := time.Now()
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return now
	}
	if age := time.Duration(ts.Nano()) - since; age > 0 && age < time.Hour {
		return now.Add(-age)
	}
	return now
}
