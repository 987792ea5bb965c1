//go:build linux

package live_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// TestBeat_outputDown checks that an output that is unreachable stops neither the
// capture nor, for longer than shutdown_timeout, the end of the beat, and that
// what could not be delivered is counted.
func TestBeat_outputDown(t *testing.T) {
	h := newHome(t)
	b := startBeatWith(t, h.Network, []string{
		"-E", "output.file.enabled=false", "-E", "output.elasticsearch.hosts=[http://127.0.0.1:9]",
		"-E", "output.elasticsearch.preset=custom", "-E", "queue.mem.events=32", "-E", "queue.mem.flush.min_events=16",
		"-E", "qubesbeat.flows.timeout=1s", "-E", "qubesbeat.flows.period=1s", "-E", "qubesbeat.shutdown_timeout=2s",
		"-E", "http.enabled=true", "-E", "http.host=unix://HOME/s",
	}, h.clients()...)

	// More flows than libbeat's queue has places, then more traffic.
	for range 60 {
		h.run(t, h.work, "dig +short +tries=1 example.org @192.0.2.53")
	}
	var full map[string]uint64
	poll.Until(t, "libbeat's queue of 32 is full", func() bool {
		full = counters(b)
		return full["events.pending"] == 32
	})
	h.run(t, h.banking, "curl -s -o /dev/null http://198.51.100.7/large?bytes=5000000")
	var after map[string]uint64
	poll.Until(t, "5000000 bytes and more are captured while the output is down", func() bool {
		after = counters(b)
		return after["capture.bytes"]-full["capture.bytes"] >= 5_000_000
	})
	if after["capture.kernel_drops"] != 0 {
		t.Errorf("the kernel dropped %v frames; want none", after["capture.kernel_drops"])
	}

	// More flows than libbeat's queue and our own have places: the stop must not
	// wait for room that never comes.
	if err := h.work.Do(func() error { return spray(20_000) }); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	b.End(t)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the beat took %v to end; want shutdown_timeout (2s) and little more", took)
	}
	b.AwaitLog(t, "stopped with losses", "", "")
}

// spray sends a datagram to each of n ports, a flow each.
func spray(n int) error {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range n {
		to := netip.AddrPortFrom(netip.MustParseAddr(testbed.WebAddr), uint16(20_000+i))
		if _, err := conn.WriteToUDPAddrPort([]byte("x"), to); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		if i%100 == 0 {
			time.Sleep(time.Millisecond) // the veth's queues are short
		}
	}
	return nil
}

// TestBeat_terminatedQuiet checks that a signal is noticed at once also while
// there is just enough traffic to keep the ring from being idle.
func TestBeat_terminatedQuiet(t *testing.T) {
	h := newHome(t)
	b := startBeat(t, h.Network, h.clients()...)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = h.work.Run(ctx, "ping", "-i0.1", testbed.WebAddr)
	}()
	pings := h.VifCounters(h.work).RxPackets + 20
	poll.Until(t, "20 pings are sent", func() bool { return h.VifCounters(h.work).RxPackets >= pings })
	begin := time.Now()
	events := b.Stop(t)
	took := time.Since(begin)
	stop()
	<-done
	if took > 5*time.Second {
		t.Errorf("the beat took %v to end under slow traffic", took)
	}
	if len(flows(events, onVif(h.work.Vif))) == 0 {
		t.Error("the flow that was live at the signal is not in the file")
	}
}

// counters reads the beat's own counters from its HTTP endpoint, by their names below
// qubesbeat.
func counters(b *beat.Beat) map[string]uint64 {
	flat := map[string]uint64{}
	for name, n := range b.Counters() {
		if own, ok := strings.CutPrefix(name, "qubesbeat."); ok {
			flat[own] = n
		}
	}
	return flat
}
