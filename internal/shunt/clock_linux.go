package shunt

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// clock reads CLOCK_MONOTONIC, which is the time of the kernel's program, together with the
// wall clock and without a system call: package time measures with the same clock.
type clock struct {
	base time.Time
	mono int64 // at base, nanoseconds
}

// newClock returns a clock.
func newClock() (c clock, err error) {
	var t unix.Timespec
	c.base = time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return c, fmt.Errorf("reading the clock: %w", err)
	}
	c.mono = t.Nano()
	return c, nil
}

// now returns the time of the kernel's program, in nanoseconds.
func (c *clock) now() int64 { return c.mono + int64(time.Since(c.base)) }

// wallOffset returns what is to be added to it for the time since the Unix epoch. A wall
// clock that is set between a packet and its reading moves the packet.
func (c *clock) wallOffset() int64 {
	now := time.Now()
	return now.UnixNano() - c.mono - int64(now.Sub(c.base))
}
