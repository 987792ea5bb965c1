package capture

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// How long Next waits after Drain. A frame that had passed the filter before is
// in the kernel's block within microseconds; a block that holds a frame is
// handed over after Ring.retire.
const (
	drainGrace   = 5 * time.Millisecond
	drainRetires = 4
)

// ready reports whether the kernel has handed over the next block. The argument
// is for [syscall.RawConn].
func (r *Ring) ready(uintptr) bool {
	return atomic.LoadUint32(&r.header(r.block).Block_status)&unix.TP_STATUS_USER != 0
}

// pending reports whether there are frames in the next block, which the kernel
// has not handed over yet.
func (r *Ring) pending() bool {
	return !r.ready(0) && atomic.LoadUint32(&r.header(r.block).Num_pkts) > 0
}

// wait returns nil as soon as the next block is there, ErrIdle if none came in
// time.
func (r *Ring) wait() error {
	r.waited = true
	if !r.drained.Load() {
		return r.sleep(r.idle)
	}
	begin := time.Now()
	for d := drainGrace; ; d = r.retire {
		err := r.sleep(d)
		if !errors.Is(err, ErrIdle) || r.ready(0) {
			return err
		}
		if !r.pending() || time.Since(begin) > drainRetires*r.retire {
			return ErrIdle
		}
	}
}

// sleep parks the goroutine until the next block is there, d is over or Wake is
// called. It goes through the runtime's poller: a thread that blocks in poll(2)
// makes the runtime's monitor thread wake dozens of times for each call.
func (r *Ring) sleep(d time.Duration) error {
	if err := r.file.SetReadDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	if r.woken.Swap(false) { // Wake came before the deadline was set
		return ErrIdle
	}
	err := r.conn.Read(r.readyFunc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.woken.Store(false)
		return ErrIdle
	}
	if err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	return nil
}

// Waited implements [Waiter].
func (r *Ring) Waited() bool { return r.waited }

// SetIdle implements [Waiter].
func (r *Ring) SetIdle(d time.Duration) { r.idle = d }

// Wake implements [Waiter].
func (r *Ring) Wake() {
	r.woken.Store(true)
	_ = r.file.SetReadDeadline(time.Unix(1, 0)) // fails only after Close
}
