package capture_test

import (
	"errors"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// timedNext returns the length of the next frame and how long it took.
func timedNext(t *testing.T, r *capture.Ring) (uint32, time.Duration) {
	t.Helper()
	var f capture.Frame
	defer time.AfterFunc(time.Minute, r.Wake).Stop() // or a nap without an end would not fail
	begin := time.Now()
	if err := r.Next(&f); err != nil {
		t.Fatal(err)
	}
	return f.Length, time.Since(begin)
}

// TestRing_nap has a ring that has read full blocks sleep through the next block, which the
// kernel hands over after a tenth of a second, and one that has not be woken by it.
func TestRing_nap(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	work := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{}, "vif*")
	r.SetIdle(24 * time.Hour)
	const nap = 2 * time.Second
	r.SetNap(nap, 2)
	work.deliver(t, udpFrame(1, 60))
	if n, took := timedNext(t, r); n != 60 || took < nap {
		t.Errorf("a frame of %d bytes after %v; want 60 bytes, after a nap of %v", n, took, nap)
	}
	for range 2 { // the naps that follow begin when the one before is over
		r.SetNap(nap, 2)
		work.deliver(t, udpFrame(1, 60))
		if n, _ := timedNext(t, r); n != 60 {
			t.Errorf("a frame of %d bytes; want 60", n)
		}
	}
	r.SetNap(12*time.Hour, 1) // would not end
	work.deliver(t, udpFrame(1, 61))
	if n, _ := timedNext(t, r); n != 61 {
		t.Errorf("a frame of %d bytes; want 61", n)
	}
}

// TestRing_nap_Wake wakes a ring that naps, and drains one that would.
func TestRing_nap_Wake(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	work := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{}, "vif*")
	r.SetIdle(24 * time.Hour)
	r.SetNap(12*time.Hour, 2)
	var f capture.Frame
	woken := make(chan error)
	go func() { woken <- r.Next(&f) }()
	r.Wake()
	if err := <-woken; !errors.Is(err, capture.ErrIdle) {
		t.Errorf("Next after Wake: %v; want %v", err, capture.ErrIdle)
	}
	work.deliver(t, udpFrame(1, 62))
	r.SetNap(12*time.Hour, 2)
	if err := r.Drain(); err != nil {
		t.Fatal(err)
	}
	checkReceived(t, r, "vif4.0 1 len 62 of 62 ok port 1 vlan []")
}

// TestRing_nap_pace has a ring sleep once the kernel has filled one block in less than half a
// nap.
func TestRing_nap_pace(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	work := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{PlainLen: 512}}, "vif*")
	r.SetIdle(24 * time.Hour)
	const nap = 2 * time.Second
	r.SetNap(nap, 0)
	const frames = 300 // more than 128 KiB
	for range frames {
		send(t, work.fd, udpFrame(1, 512))
	}
	var longest time.Duration
	for range frames {
		_, took := timedNext(t, r)
		longest = max(longest, took)
	}
	if longest < nap {
		t.Errorf("no frame came later than after %v; want a nap of %v behind the full block", longest, nap)
	}
}
