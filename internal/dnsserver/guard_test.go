package dnsserver_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// query returns a message with the question whose name is one label.
func query(label string) string {
	return "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + string(rune(len(label))) + label + "\x00\x00\x01\x00\x01"
}

// TestServer_panic holds that a query whose handling panics is answered with
// SERVFAIL, question included, and that the next one is answered as usual.
func TestServer_panic(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
			keeper.Inject("resolver/" + network + "=crash")
			_, addr, _, _ := start(t, func(c *dnsserver.Config) { c.Guard = keeper })
			c := dial(t, network, "127.0.0.1", addr)
			for range 3 {
				send(t, c, query("crash"))
				want := "\x12\x34\x81\x82" + query("crash")[4:]
				if got := receive(t, c); got != want {
					t.Errorf("answer to a query that panics = %q; want %q", got, want)
				}
				send(t, c, query("fine"))
				if got := receive(t, c); got != query("fine") {
					t.Errorf("next answer = %q; want %q", got, query("fine"))
				}
			}
			if n := keeper.Part("resolver/" + network).Panics(); n != 3 {
				t.Errorf("%d panics were counted; want 3", n)
			}
		})
	}
}

// stopPart makes a part stop.
func stopPart(p *guard.Part) {
	for !p.Stopped() {
		_ = p.Do(nil, func() { panic("x") })
	}
}

// TestServer_stoppedUDP ends Serve with an error once UDP is stopped, instead of
// leaving a port open that is not read.
func TestServer_stoppedUDP(t *testing.T) {
	t.Parallel()
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	s := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))},
		Handler: new(echo), Guard: keeper})
	done := make(chan error, 1)
	go func() { done <- s.Serve(t.Context()) }()
	<-s.Listening()
	stopPart(keeper.Part("resolver/udp"))
	if err := <-done; !errors.Is(err, guard.ErrStopped) {
		t.Errorf("Serve = %v; want %v", err, guard.ErrStopped)
	}
}

// TestServer_stoppedTCP closes the connections and the port of TCP once that is
// stopped. UDP goes on.
func TestServer_stoppedTCP(t *testing.T) {
	t.Parallel()
	keeper := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)})
	_, addr, _, stop := start(t, func(c *dnsserver.Config) { c.Guard = keeper })
	open := dial(t, "tcp", "127.0.0.1", addr)
	send(t, open, query("fine"))
	receive(t, open)
	stopPart(keeper.Part("resolver/tcp"))
	send(t, open, query("late"))
	receive(t, open) // SERVFAIL
	if n, err := open.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read = %d, %v; want the end of the connection", n, err)
	}
	for { // the listener is closed by another goroutine
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	c := dial(t, "udp", "127.0.0.1", addr)
	send(t, c, query("fine"))
	if got := receive(t, c); got != query("fine") {
		t.Errorf("answer over UDP = %q; want %q", got, query("fine"))
	}
	stop() // without an error
}
