package dnsserver_test

import (
	"log/slog"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
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
