package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// linkWatch calls changed whenever interfaces come, go or change. It sleeps
// between the kernel's messages.
type linkWatch struct {
	guard   *guard.Part              // recovers from panics at one change; may be nil
	dial    func() (linkConn, error) // opens a connection that is subscribed to changes
	changed func() error
	fault   func(error) // called with the error before the watch tries again
}

// linkConn is the part of a [netlink.Conn] that a watch needs.
type linkConn interface {
	Receive() ([]netlink.Message, error)
	SetReadDeadline(t time.Time) error
	Close() error
}

var _ linkConn = (*netlink.Conn)(nil) // type check

// dialLinks returns a function that subscribes to changes of interfaces and, if
// asked, of routes.
func dialLinks(routes bool) func() (linkConn, error) {
	groups := uint32(unix.RTMGRP_LINK)
	if routes {
		groups |= unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE
	}
	return func() (linkConn, error) {
		return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	}
}

// How long run waits after a fault: twice as long each time, and from the start
// again after a session that lasted longer than the longest wait.
const (
	minRetry = 100 * time.Millisecond
	maxRetry = 30 * time.Second
)

// run watches until ctx ends.
func (w *linkWatch) run(ctx context.Context) {
	for delay := minRetry; ; delay = min(2*delay, maxRetry) {
		begin := time.Now()
		err := w.session(ctx)
		if ctx.Err() != nil {
			return
		}
		w.fault(fmt.Errorf("watching interfaces: %w", err))
		if time.Since(begin) > maxRetry {
			delay = minRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// session watches through one connection until an error or the end of ctx.
func (w *linkWatch) session(ctx context.Context) error {
	conn, err := w.dial()
	if err != nil {
		return fmt.Errorf("opening netlink: %w", err)
	}
	defer conn.Close()
	// A deadline in the past ends a Receive at once.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		// First for the changes between the caller's own look and the subscription.
		if err := w.call(w.changed); err != nil {
			return err
		}
		err := w.call(func() (err error) {
			_, err = conn.Receive()
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		// A socket that overflows has lost messages, so something has changed.
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("receiving from netlink: %w", err)
		}
	}
}

// call calls f. A panic is an error like others: the connection is made again.
func (w *linkWatch) call(f func() error) (err error) {
	if panicked := w.guard.Do(nil, func() { err = f() }); panicked != nil {
		return panicked
	}
	return err
}
