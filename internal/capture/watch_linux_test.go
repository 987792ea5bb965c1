package capture_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// limitFiles allows no further file descriptors, until the function that it
// returns is called.
func limitFiles(t *testing.T) (release func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit unix.Rlimit) {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(unix.Rlimit{Cur: 3, Max: before.Max})
	return func() { set(before) }
}

// takeDown takes an interface down, through an open socket.
func takeDown(t *testing.T, fd int, name string) {
	t.Helper()
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil { // no flags: not up
		t.Fatal(err)
	}
}

// within returns the next value of a channel.
func within[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
	}
	return v
}

// TestRing_watchFault makes it impossible to list the interfaces for a while: the
// ring says so, and follows new interfaces when it can again.
func TestRing_watchFault(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	faults, followed := make(chan error, 100), make(chan string, 100)
	r := openRing(t, capture.RingConfig{
		OnFault: func(err error) { faults <- err },
		OnLink: func(l capture.LinkInfo, now bool) {
			if now {
				followed <- l.Name
			}
		}}, "vif*")
	if name := within(t, followed, "interface"); name != "vif4.0" {
		t.Errorf("followed %s; want vif4.0", name)
	}
	release := limitFiles(t)
	takeDown(t, w.fd, w.near)
	err := within(t, faults, "fault")
	release()
	if !strings.HasPrefix(err.Error(), "watching interfaces: ") || !strings.HasSuffix(err.Error(), "too many open files") {
		t.Errorf("OnFault(%q); want the reason", err)
	}
	if got := r.Stats().WatchFailures; got < 1 {
		t.Errorf("WatchFailures = %d; want 1 or more", got)
	}
	newWire(t, "vif5.0")
	if name := within(t, followed, "interface after the fault"); name != "vif5.0" {
		t.Errorf("followed %s; want vif5.0", name)
	}
}
