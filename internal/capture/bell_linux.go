package capture

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bell wakes the reader of a ring when the kernel hands over a block, or only when a time is
// over. It is an epoll set with the ring's socket, and the runtime's poller waits for the
// set: while the bell is off, no block wakes a thread. Not safe for concurrent use, except
// for wake.
type bell struct {
	file  *os.File // the epoll set
	conn  syscall.RawConn
	ring  int // file descriptor of the socket
	on    bool
	woken atomic.Bool // see wake
}

// open makes the set, with the bell on.
func (b *bell) open(ring int) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making an epoll set: %w", err)
	}
	_ = unix.SetNonblock(fd, true) // cannot fail, and has the runtime's poller wait for it
	b.ring, b.file, b.on = ring, os.NewFile(uintptr(fd), "epoll set of the packet socket"), true
	if b.conn, err = b.file.SyscallConn(); err != nil {
		return fmt.Errorf("making an epoll set: %w", err)
	}
	return b.control(unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

// control calls epoll_ctl.
func (b *bell) control(op int, events uint32) (err error) {
	fault := b.conn.Control(func(fd uintptr) {
		err = unix.EpollCtl(int(fd), op, b.ring, &unix.EpollEvent{Events: events, Fd: int32(b.ring)})
	})
	if err = errors.Join(fault, err); err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	return nil
}

// turn turns the bell on or off. If there is a block when it is turned on, it rings.
func (b *bell) turn(on bool) error {
	if b.on == on {
		return nil
	}
	events := uint32(0)
	if on {
		events = unix.EPOLLIN
	}
	b.on = on
	return b.control(unix.EPOLL_CTL_MOD, events)
}

// sleep parks the goroutine until the bell has rung and done reports true, d is over
// (ErrIdle) or wake is called (errWoken). It goes through the runtime's poller: a thread
// that blocks in poll(2) makes the runtime's monitor thread wake dozens of times for each
// call.
func (b *bell) sleep(d time.Duration, done func(uintptr) bool) error {
	if err := b.file.SetReadDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	if b.woken.Swap(false) { // wake came before the deadline was set
		return errWoken
	}
	err := b.conn.Read(done)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if b.woken.Swap(false) {
			return errWoken
		}
		return ErrIdle
	}
	if err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	return nil
}

// errWoken is ErrIdle for the reader.
var errWoken = fmt.Errorf("%w: woken", ErrIdle)

// wake ends the sleep, or the next one if there is none. It is safe for concurrent use.
func (b *bell) wake() {
	b.woken.Store(true)
	_ = b.file.SetReadDeadline(time.Unix(1, 0)) // fails only after close
}

// close gives the set back.
func (b *bell) close() error {
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}
