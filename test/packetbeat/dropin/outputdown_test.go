//go:build linux

package dropin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// The flows of TestFault_outputDown, by the ports that they go to.
const (
	firstFlows, firstPort   = 200, 20_000 // fill the queue
	middleFlows, middlePort = 100, 30_000 // while the output is down and the queue full
	lastFlows, lastPort     = 20, 40_000  // when the output is back
	middleBytes             = 100_000_000 // more than the rings of both hold
)

// TestFault_outputDown takes the output away until the queue is full, lets traffic
// go on, and gives the output back. packetbeat publishes its flows while it holds the
// lock of the flow table, so that it stops capturing; what passes then is lost and
// not counted.
func TestFault_outputDown(t *testing.T) {
	require(t)
	t.Parallel()
	each(t, func(t *testing.T, p program, h *home) {
		b := h.start(t, p, h.banking, h.onVifs(time.Second, -time.Second)+elasticOutput)
		h.spray(t, h.work, firstPort, firstFlows)
		b.stalls(t)
		before := b.frames()
		h.run(t, h.banking, fmt.Sprintf("curl -sS -o /dev/null %s%d", testbed.LargeURL, middleBytes))
		h.spray(t, h.work, middlePort, middleFlows)
		h.Settle()
		poll.Settle(t, "the counters, which are at most a fifth of a second old", time.Second, b.frames)
		during := b.frames() - before

		es := newElastic(t, h.Log.Host)
		b.Await(t, "the output is reached again", func() bool {
			// Again and again: packetbeat has to find its way back first.
			h.spray(t, h.work, lastPort, lastFlows)
			return !poll.Remains(100*time.Millisecond, func() bool { return !es.has(destPort(lastPort, lastFlows)) })
		})
		es.quiet(t, 3*time.Second)
		events := es.events()
		middle := len(events.Filter(destPort(middlePort, middleFlows)))
		bytes := sum(events.Filter(destPort(80, 1)), "network.bytes")
		t.Logf("%s: %d frames taken while the output was down; then events for %d of %d flows before, %d of %d and %d of %d bytes during that time",
			p.name, during, len(events.Filter(destPort(firstPort, firstFlows))), firstFlows, middle, middleFlows, bytes, middleBytes)
		if p.name == theirs.name {
			if middle == middleFlows && bytes >= middleBytes {
				t.Error("packetbeat has lost nothing; the fault that this test is about is gone")
			}
			return
		}
		if lost := b.Counters()["qubesbeat.capture.kernel_drops"]; lost > 0 {
			t.Errorf("%d frames dropped by the kernel; want none", lost)
		}
		if middle != middleFlows || bytes < middleBytes || during == 0 {
			t.Error("want every flow of the time when the output was down, and all bytes")
		}
	})
}

// stalls waits until the output has taken nothing for longer than a flow lasts,
// while libbeat's queue is full.
func (b *beat) stalls(t *testing.T) {
	t.Helper()
	full := func() bool { return b.Counters()["libbeat.pipeline.queue.filled.events"] >= queueEvents }
	b.Await(t, "the queue is full", full)
	if !poll.Remains(3*time.Second, full) { // packetbeat's flow worker looks once a second
		t.Error("the queue is not full any more")
	}
}

// sum adds up a field.
func sum(events runner.Events, name string) (n uint64) {
	for _, e := range events {
		n += e.Number(name)
	}
	return n
}
