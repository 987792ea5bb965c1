package capture_test

import (
	"errors"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestRing_Next_held has all frames of a block held but the last, also if the block ends with frames
// that are not wanted: a frame on the loopback is shown twice, and the second is none.
func TestRing_Next_held(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	ip(t, "link set lo up")
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{}, "lo", "vif4.0")
	w.deliver(t, udpFrame(1, 60))
	kept(t, r)
	lo, blocks := sender(t, "lo"), 0
	for n := range 5000 {
		send(t, w.fd, udpFrame(1, 200))
		if n%2 == 0 {
			send(t, lo, udpFrame(2, 60))
		}
	}
	var f capture.Frame
	pending := 0
	for {
		err := r.Next(&f)
		if errors.Is(err, capture.ErrIdle) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if pending++; !f.Held {
			blocks, pending = blocks+1, 0
		}
	}
	if pending != 0 {
		t.Errorf("the ring is idle, and the last %d frames are not of a block that has ended", pending)
	}
	if s := r.Stats(); blocks < 10 || s.Skipped != 2500 || s.KernelDrops != 0 {
		t.Errorf("%d blocks, Stats = %+v; want at least 10 and 2,500 frames skipped", blocks, s)
	}
}

// TestFrame_EPBFlags has the directions and the offloads where pcapng has them.
func TestFrame_EPBFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   capture.Frame
		want uint32
	}{
		{capture.Frame{}, 0},
		{capture.Frame{Direction: packet.Inbound}, 1},
		{capture.Frame{Direction: packet.Outbound, Offload: capture.ChecksumNotReady}, 2 | 1<<9},
		{capture.Frame{Direction: packet.Outbound, Offload: capture.ChecksumValid | capture.SegmentedTCP}, 2 | 1<<10 | 1<<11},
	} {
		if got := tt.in.EPBFlags(); got != tt.want {
			t.Errorf("EPBFlags of %+v = %#x; want %#x", tt.in, got, tt.want)
		}
	}
}
