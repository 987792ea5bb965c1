package kernellog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// KmsgPath is the device of the kernel's log. Reading it needs CAP_SYSLOG if
// kernel.dmesg_restrict is set, as it is in Qubes.
const KmsgPath = "/dev/kmsg"

// Kmsg reads the records that are added to the kernel's log.
type Kmsg struct {
	file   *os.File
	missed atomic.Uint64
}

// OpenKmsg opens the kernel's log at path, usually [KmsgPath].
func OpenKmsg(path string) (*Kmsg, error) {
	// Nonblocking, so that the runtime's poller waits for it and Close ends a Read.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the kernel's log (it needs CAP_SYSLOG): %w", err)
	}
	if _, err := file.Seek(0, io.SeekEnd); err != nil { // skip what was logged before
		return nil, errors.Join(fmt.Errorf("opening the kernel's log: %w", err), file.Close())
	}
	return &Kmsg{file: file}, nil
}

// Close closes the log. Run returns at once.
func (k *Kmsg) Close() error { return k.file.Close() }

// Missed returns the number of times that the kernel overwrote records before they were
// read. It is safe for concurrent use.
func (k *Kmsg) Missed() uint64 { return k.missed.Load() }

// Run calls onMessage with each message of the kernel and its time, until Close is called
// and it returns nil, or reading fails.
func (k *Kmsg) Run(part *guard.Part, onMessage func(text string, at time.Time)) error {
	buf := make([]byte, 8<<10) // a read returns one record, or EINVAL if it does not fit
	for part.Err() == nil {
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
			_ = part.Do(func() []byte { return buf[:n] }, func() {
				if r, ok := readRecord(string(buf[:n])); ok && r.isKernel {
					onMessage(r.text, sinceBoot(r.since))
				}
			})
		}
	}
	return part.Err()
}

// sinceBoot converts a time on the kernel's clock, which stops while the machine is
// suspended, to a time of day. Times that cannot be converted become the present.
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
