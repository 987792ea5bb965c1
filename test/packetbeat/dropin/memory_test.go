//go:build linux

package dropin_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestFault_memory compares the resident memory of both with flows only, and of
// ours with and without analyzers. They are packetbeat's most expensive part, and
// it makes them for every flow that it is asked for.
func TestFault_memory(t *testing.T) {
	require(t)
	t.Parallel()
	h := newHome(t)
	flows := h.onVifs(30*time.Second, -time.Second)
	plain := h.measure(t, ours, flows+outputFile)
	full := h.measure(t, ours, flows+runner.AllProtocols+outputFile)
	if plain.analyzers > 0 || plain.children > 0 {
		t.Errorf("%d goroutines in packetbeat's analyzers and %d processes with no protocol configured; want none", plain.analyzers, plain.children)
	}
	if full.children != 1 {
		t.Errorf("%d processes of analyzers with all protocols; want one", full.children)
	}
	if full.rss < plain.rss+8<<20 {
		t.Errorf("all protocols cost %d MiB; want more than 8: are there caches without them?", (int64(full.rss)-int64(plain.rss))>>20)
	}
	t.Run(theirs.name, func(t *testing.T) {
		packetbeat := h.measure(t, theirs, flows+outputFile)
		if plain.rss >= packetbeat.rss || plain.peak >= packetbeat.peak {
			t.Error("want qubesbeat's memory below packetbeat's")
		}
		if packetbeat = h.measure(t, theirs, flows+runner.AllProtocols+outputFile); full.rss >= packetbeat.rss {
			t.Error("want qubesbeat's memory below packetbeat's with all protocols, too")
		}
	})
}

// cost is what a beat needs.
type cost struct {
	rss, peak  uint64
	goroutines int
	analyzers  int // goroutines that are in packetbeat's code, or in its caches
	children   int // processes that it has begun; their memory counts
}

// measure starts a beat, lets a client make some traffic, and reads what the beat
// needs then.
func (h *home) measure(t *testing.T, p program, config string) (c cost) {
	t.Helper()
	b := h.start(t, p, h.work, config)
	for range 5 {
		h.spray(t, h.work, 20_000, 400)
		h.run(t, h.work, "curl -sS -o /dev/null "+testbed.LargeURL+"1000000")
		h.run(t, h.work, "dig +tries=1 www.example.org @"+testbed.DNSAddr)
	}
	h.Settle()
	c.rss, c.peak = b.memory(t)
	for _, pid := range b.children(t) {
		own := anonymous(t, pid)
		c.children, c.rss, c.peak = c.children+1, c.rss+own, c.peak+own
	}
	stacks, err := b.Get("/debug/pprof/goroutine?debug=2")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range bytes.Split(stacks, []byte("\n\n")) {
		c.goroutines++
		if bytes.Contains(s, []byte("beats/v7/packetbeat/")) || bytes.Contains(s, []byte("common.(*Cache).StartJanitor")) {
			c.analyzers++
		}
	}
	_ = b.Stop(t)
	t.Logf("%-10s RSS %3d MiB, peak %3d MiB, %2d goroutines, %2d of them in analyzers, %d processes beside; protocols: %v", p.name,
		c.rss>>20, c.peak>>20, c.goroutines, c.analyzers, c.children, bytes.Contains([]byte(config), []byte("protocols")))
	return c
}
