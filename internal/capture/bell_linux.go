package capture

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell wakes the reader of a ring when the kernel hands over a block, or at intervals. It is
// an epoll set with the ring's socket and a timer of the kernel, and the runtime's poller
// waits for the set: at intervals, no block wakes a thread, nothing is to be set for the
// next time, and the runtime has no timer, for which its monitor thread would wake, too. Not
// safe for concurrent use, except for wake.
type bell struct {
	file    *os.File // the epoll set
	conn    syscall.RawConn
	ring    int // file descriptor of the socket
	timer   int // that of the timer
	on      bool
	limited bool        // the file has a deadline
	woken   atomic.Bool // see wake
	rung    func(uintptr) bool
	ticks   int // since the nap began
}

// open makes the set, with the bell on. ready reports whether the reader has a block.
func (b *bell) open(ring int, ready func(uintptr) bool) error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making an epoll set: %w", err)
	}
	_ = unix.SetNonblock(fd, true) // cannot fail, and has the runtime's poller wait for it
	b.ring, b.timer, b.on, b.file = ring, -1, true, os.NewFile(uintptr(fd), "epoll set of the packet socket")
	b.rung = func(fd uintptr) bool {
		if b.ticked() {
			b.ticks++
		}
		return b.ticks > 0 && (ready(fd) || b.ticks >= napTicks)
	}
	if b.conn, err = b.file.SyscallConn(); err != nil {
		return fmt.Errorf("making an epoll set: %w", err)
	}
	if b.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return fmt.Errorf("making a timer: %w", err)
	}
	return errors.Join(b.control(unix.EPOLL_CTL_ADD, b.ring, unix.EPOLLIN), b.control(unix.EPOLL_CTL_ADD, b.timer, unix.EPOLLIN))
}

// control calls epoll_ctl.
func (b *bell) control(op, of int, events uint32) (err error) {
	fault := b.conn.Control(func(fd uintptr) {
		err = unix.EpollCtl(int(fd), op, of, &unix.EpollEvent{Events: events, Fd: int32(of)})
	})
	if err = errors.Join(fault, err); err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	return nil
}

// turn turns the bell on, or has it ring at intervals, which must not be 0. If there is a
// block when it is turned on, it rings.
func (b *bell) turn(on bool, interval time.Duration) error {
	if b.on == on {
		return nil
	}
	events, every := uint32(unix.EPOLLIN), unix.Timespec{}
	if !on {
		events, every = 0, unix.NsecToTimespec(int64(interval))
	}
	b.on = on
	if err := unix.TimerfdSettime(b.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return fmt.Errorf("setting the timer of naps: %w", err)
	}
	return b.control(unix.EPOLL_CTL_MOD, b.ring, events)
}

// ticked reports whether an interval is over; the kernel begins the next one only then. The
// call is not announced to the runtime, which would wake its monitor thread: it does not
// wait.
func (b *bell) ticked() bool {
	var n uint64
	_, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(b.timer), uintptr(unsafe.Pointer(&n)), unsafe.Sizeof(n))
	return errno == 0
}

// sleep parks the goroutine until the bell has rung and done reports true, d is over
// (ErrIdle) or wake is called (errWoken). It goes through the runtime's poller: a thread
// that blocks in poll(2) makes the runtime's monitor thread wake dozens of times for each
// call.
func (b *bell) sleep(d time.Duration, done func(uintptr) bool) error {
	b.limited = true
	return b.park(time.Now().Add(d), done)
}

// nap parks the goroutine until the bell has rung at an interval and there is a block, or
// napTicks intervals are over; wake ends it, too (errWoken).
func (b *bell) nap() error {
	b.ticks = 0
	if !b.limited && !b.woken.Load() {
		return b.read(b.rung)
	}
	b.limited = false
	return b.park(time.Time{}, b.rung)
}

// park waits with a deadline, the zero time for none.
func (b *bell) park(until time.Time, done func(uintptr) bool) error {
	if err := b.file.SetReadDeadline(until); err != nil {
		return fmt.Errorf("waiting for packets: %w", err)
	}
	if b.woken.Swap(false) { // wake came before the deadline was set
		b.limited = true
		return errWoken
	}
	return b.read(done)
}

// read waits.
func (b *bell) read(done func(uintptr) bool) error {
	err := b.conn.Read(done)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		b.limited = true
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

// close gives set and timer back.
func (b *bell) close() (err error) {
	if b.file == nil {
		return nil
	}
	if b.timer >= 0 {
		err = unix.Close(b.timer)
	}
	return errors.Join(err, b.file.Close())
}
