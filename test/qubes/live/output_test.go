//go:build linux

package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestBeat_outputDown checks that an output that is unreachable stops neither the
// capture nor, for longer than shutdown_timeout, the end of the beat, and that
// what could not be delivered is counted.
func TestBeat_outputDown(t *testing.T) {
	h := newHome(t)
	socket := filepath.Join(t.TempDir(), "s")
	b := startBeatWith(t, h.Network, []string{
		"-E", "output.file.enabled=false", "-E", "output.elasticsearch.hosts=[http://127.0.0.1:9]",
		"-E", "output.elasticsearch.preset=custom", "-E", "queue.mem.events=32", "-E", "queue.mem.flush.min_events=16",
		"-E", "qubesbeat.flows.timeout=1s", "-E", "qubesbeat.flows.period=1s", "-E", "qubesbeat.shutdown_timeout=2s",
		"-E", "http.enabled=true", "-E", "http.host=unix://" + socket,
	}, h.clients()...)

	// More flows than libbeat's queue has places, then more traffic.
	for range 60 {
		h.run(t, h.work, "dig +short +tries=1 example.org @192.0.2.53")
	}
	full := counters(t, socket)
	for deadline := time.Now().Add(10 * time.Second); full["pending"] != 32 && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		full = counters(t, socket)
	}
	h.run(t, h.banking, "curl -s -o /dev/null http://198.51.100.7/large?bytes=5000000")
	time.Sleep(1500 * time.Millisecond) // the shared counters are at most a block and a batch old
	after := counters(t, socket)
	if full["pending"] != 32 {
		t.Errorf("%v events wait in libbeat's queue of 32; want it full", full["pending"])
	}
	if got := after["bytes"] - full["bytes"]; got < 5_000_000 {
		t.Errorf("%v bytes were captured while the output was down; want 5000000 and more", got)
	}
	if after["kernel_drops"] != 0 {
		t.Errorf("the kernel dropped %v frames; want none", after["kernel_drops"])
	}

	// More flows than libbeat's queue and our own have places: the stop must not
	// wait for room that never comes.
	if err := h.work.Do(func() error { return spray(20_000) }); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	b.end(t)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the beat took %v to end; want shutdown_timeout (2s) and little more", took)
	}
	b.wait(t, "stopped with losses", "", "")
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
	time.Sleep(2 * time.Second)
	begin := time.Now()
	events := b.stop(t)
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

// counters reads the beat's own counters from its HTTP endpoint.
func counters(t *testing.T, socket string) map[string]float64 {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
	resp, err := client.Get("http://beat/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var stats struct {
		Qubesbeat map[string]map[string]float64
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		t.Fatal(fmt.Errorf("reading /stats: %w", err))
	}
	flat := map[string]float64{}
	for _, group := range []string{"events", "capture"} {
		for name, v := range stats.Qubesbeat[group] {
			flat[name] = v
		}
	}
	return flat
}
