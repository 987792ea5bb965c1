package capture

import (
	"errors"
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

// wait returns nil as soon as the next block is there, or after a nap; ErrIdle if none came
// in time.
func (r *Ring) wait() error {
	r.waited = true
	if !r.drained.Load() {
		if ready, err := r.rest(); ready || err != nil {
			return err
		}
		return r.listen(r.idle)
	}
	begin := time.Now()
	for d := drainGrace; ; d = r.retire {
		err := r.listen(d)
		if !errors.Is(err, ErrIdle) || r.ready(0) {
			return err
		}
		if !r.pending() || time.Since(begin) > drainRetires*r.retire {
			return ErrIdle
		}
	}
}

// listen waits for the next block.
func (r *Ring) listen(d time.Duration) error {
	if err := r.bell.turn(true, 0); err != nil {
		return err
	}
	return r.bell.sleep(d, r.readyFunc)
}

// Waited implements [Waiter].
func (r *Ring) Waited() bool { return r.waited }

// SetIdle implements [Waiter].
func (r *Ring) SetIdle(d time.Duration) { r.idle = d }

// Wake implements [Waiter].
func (r *Ring) Wake() { r.bell.wake() }
