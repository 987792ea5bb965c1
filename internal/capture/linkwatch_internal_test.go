package capture

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

var errFake = errors.New("fake fault")

// fakeConn is a link connection whose Receive returns what a test sends, and
// obeys a deadline in the past.
type fakeConn struct {
	received chan error
	past     chan struct{}
	closed   bool
}

func newFakeConn() *fakeConn {
	return &fakeConn{received: make(chan error), past: make(chan struct{})}
}

func (c *fakeConn) Receive() ([]netlink.Message, error) {
	select {
	case err := <-c.received:
		return nil, err
	case <-c.past:
		return nil, os.ErrDeadlineExceeded
	}
}

func (c *fakeConn) SetReadDeadline(time.Time) error { close(c.past); return nil }
func (c *fakeConn) Close() error                    { c.closed = true; return nil }

// watched is a watch with a record of what happened, in seconds since its start.
type watched struct {
	linkWatch
	begin  time.Time
	log    []string
	conns  []*fakeConn
	cancel context.CancelFunc
	done   chan struct{}
	OnDial func() error // nil: succeeds
	OnLook func() error // nil: succeeds
}

func (w *watched) note(what string) { w.log = append(w.log, time.Since(w.begin).String()+" "+what) }

// start runs the watch until stop.
func (w *watched) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w.begin, w.cancel, w.done = time.Now(), cancel, make(chan struct{})
	w.dial = func() (linkConn, error) {
		if w.OnDial != nil {
			if err := w.OnDial(); err != nil {
				return nil, err
			}
		}
		c := newFakeConn()
		w.conns = append(w.conns, c)
		return c, nil
	}
	w.changed = func() error {
		w.note("look")
		if w.OnLook != nil {
			return w.OnLook()
		}
		return nil
	}
	w.fault = func(err error) { w.note(err.Error()) }
	go func() {
		defer close(w.done)
		w.run(ctx)
	}()
	synctest.Wait()
}

// stop ends the watch, which must take no time, and compares what happened.
func (w *watched) stop(t *testing.T, want ...string) {
	t.Helper()
	begin := time.Now()
	w.cancel()
	<-w.done
	if d := time.Since(begin); d != 0 {
		t.Errorf("the watch stopped after %v; want at once", d)
	}
	if diff := cmp.Diff(want, w.log); diff != "" {
		t.Errorf("log mismatch (-want +got):\n%s", diff)
	}
	for i, c := range w.conns {
		if !c.closed {
			t.Errorf("connection %d is open", i)
		}
	}
}

// TestLinkWatch looks once at the start and once for each message, and sleeps in
// between.
func TestLinkWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := new(watched)
		w.start(t)
		time.Sleep(time.Hour) // on the test's clock
		w.conns[0].received <- nil
		time.Sleep(time.Hour)
		w.conns[0].received <- unix.ENOBUFS // messages were lost: that is a change, too
		synctest.Wait()
		w.stop(t, "0s look", "1h0m0s look", "2h0m0s look")
	})
}

// TestLinkWatch_faults reports every fault, and begins again after a while.
func TestLinkWatch_faults(t *testing.T) {
	t.Parallel()
	fails := func(times int) func() error {
		return func() error {
			if times--; times >= 0 {
				return errFake
			}
			return nil
		}
	}
	const dial = " watching interfaces: opening netlink: fake fault"
	tests := []struct {
		name  string
		watch watched
		want  []string
	}{
		{"dial", watched{OnDial: fails(3)}, []string{"0s" + dial, "100ms" + dial, "300ms" + dial, "700ms look"}},
		{"look", watched{OnLook: fails(2)}, []string{"0s look", "0s watching interfaces: fake fault",
			"100ms look", "100ms watching interfaces: fake fault", "300ms look"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &tt.watch
				w.start(t)
				time.Sleep(time.Second)
				w.stop(t, tt.want...)
			})
		})
	}
}

// TestLinkWatch_receive opens a connection in place of one that has failed, and
// does not count an old fault against it.
func TestLinkWatch_receive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := new(watched)
		w.start(t)
		for i := range 2 {
			time.Sleep(time.Minute)
			synctest.Wait()
			w.conns[i].received <- errFake
		}
		time.Sleep(time.Second)
		const fault = " watching interfaces: receiving from netlink: fake fault"
		w.stop(t, "0s look", "1m0s"+fault, "1m0.1s look", "2m0s"+fault, "2m0.1s look")
	})
}

// TestLinkWatch_backoff tries ever more rarely, and stops at once in between.
func TestLinkWatch_backoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		w := &watched{}
		w.OnDial = func() error {
			at = append(at, time.Since(w.begin))
			return errFake
		}
		w.start(t)
		time.Sleep(5 * time.Minute)
		w.cancel()
		<-w.done
		if n := len(at); n < 10 || n > 20 || at[n-1]-at[n-2] != maxRetry {
			t.Errorf("tried at %v; want half a minute between the last two", at)
		}
		if !strings.HasSuffix(w.log[0], "fake fault") || len(w.log) != len(at) {
			t.Errorf("%d faults of %d reported: %q", len(w.log), len(at), w.log)
		}
	})
}
