package capture_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestAttack09_ring_stall does not read a ring for ten seconds while 100 frames come in
// each: none is lost. It takes those ten seconds.
func TestAttack09_ring_stall(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{}, "vif4.0")
	w.deliver(t, udpFrame(1, 60))
	before := len(received(t, r))
	const sent = 1000
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range sent {
		<-tick.C
		send(t, w.fd, udpFrame(1, 60))
	}
	got := received(t, r)
	if s := r.Stats(); len(got) != sent || s.KernelDrops != 0 {
		t.Errorf("%d of %d frames read (%d before), Stats = %+v", len(got), sent, before, s)
	}
}

// TestRing_Next_large receives a frame of 64 KiB in full, as segmentation offload makes
// them, between small ones.
func TestRing_Next_large(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	ip(t, "link set vif4.0 mtu 65535")
	ip(t, "link set xvif4.0 mtu 65535")
	r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{HeaderLen: 65535, PlainLen: 65535}}, "vif4.0")
	w.deliver(t, udpFrame(1, 60))
	for range 3 {
		w.deliver(t, udpFrame(2, 65535))
	}
	w.deliver(t, udpFrame(3, 60))
	large := "vif4.0 1 len 65535 of 65535 ok port 2 vlan []"
	checkReceived(t, r, "vif4.0 1 len 60 of 60 ok port 1 vlan []", large, large, large, "vif4.0 1 len 60 of 60 ok port 3 vlan []")
}
