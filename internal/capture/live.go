package capture

import "time"

// DefaultIdle is how long Next of a [Waiter] waits for a frame before it returns
// ErrIdle, unless SetIdle says otherwise.
const DefaultIdle = 250 * time.Millisecond

// Waiter is a [Source] whose Next may have to wait for a frame. A meter checks
// for it to sleep for as long as it has nothing else to do, and to be woken.
type Waiter interface {
	Source

	// Waited reports whether the last Next had to wait. Like Next, it is not safe
	// for concurrent use.
	Waited() bool

	// SetIdle sets how long Next waits for a frame before it returns ErrIdle, from
	// the next call on. Like Next, it is not safe for concurrent use.
	SetIdle(d time.Duration)

	// Wake makes the Next that is waiting return ErrIdle at once. If none is, the
	// next one that would have to wait returns instead. It is safe for concurrent
	// use, also with Close.
	Wake()
}

// Live is a [Source] that captures from the network interfaces of this machine.
// [Ring] implements it.
type Live interface {
	Waiter

	// Drain refuses new frames. Next goes on to deliver the frames that the kernel
	// already holds and then returns ErrIdle; it no longer heeds Wake and SetIdle.
	// Like Next, it is not safe for concurrent use.
	Drain() error

	// HasVif reports whether a vif of that Xen domain is being captured from now,
	// as opposed to [Interfaces.HasVif], which also knows those that are gone. It
	// is safe for concurrent use.
	HasVif(domid int32) bool
}
