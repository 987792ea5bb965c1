package capture_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// received reads a ring until it is idle and returns a line for each frame:
// interface, direction, length, and the result of Decode.
func received(t *testing.T, r *capture.Ring) (lines []string) {
	t.Helper()
	var p packet.Packet
	for {
		var f capture.Frame
		err := r.Next(&f)
		if errors.Is(err, capture.ErrIdle) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		status := f.Decode(&p)
		lines = append(lines, fmt.Sprintf("%s %d len %d of %d %v port %d vlan %v", r.Interfaces().Name(f.Iface), f.Direction,
			len(f.Data), f.Length, status, p.DstPort, p.VLAN[:p.VLANs]))
	}
}

func checkReceived(t *testing.T, r *capture.Ring, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, received(t, r)); diff != "" {
		t.Errorf("frames mismatch (-want +got):\n%s", diff)
	}
}

func TestRing_Next(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	work, mail, uplink := newWire(t, "vif4.0"), newWire(t, "vif5.0"), newWire(t, "eth0")
	r := openRing(t, capture.RingConfig{}, "vif*")
	work.deliver(t, udpFrame(1, 60))
	mail.deliver(t, udpFrame(2, 1514)) // more than is kept
	uplink.deliver(t, udpFrame(3, 60)) // not wanted, as are the far ends
	send(t, sender(t, "vif4.0"), udpFrame(4, 60))
	checkReceived(t, r,
		"vif4.0 1 len 60 of 60 ok port 1 vlan []",
		"vif5.0 1 len 144 of 1514 ok port 2 vlan []",
		"vif4.0 2 len 60 of 60 ok port 4 vlan []")
	// What is not wanted was refused in the kernel and cost nothing here.
	if diff := cmp.Diff(capture.Stats{Frames: 3}, r.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}

func TestRing_Next_vlan(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{}, "vif*")
	w.deliver(t, udpFrame(1, 64, 0x81, 0, 0xe0, 7))
	w.deliver(t, udpFrame(2, 68, 0x88, 0xa8, 0, 100, 0x81, 0, 0, 200))
	w.deliver(t, udpFrame(3, 64, 0x81, 0, 0, 0)) // a priority tag with priority 0
	w.deliver(t, udpFrame(4, 60))
	// The kernel takes the outer tag off, but it was on the wire.
	checkReceived(t, r,
		"vif4.0 1 len 60 of 64 ok port 1 vlan [7]",
		"vif4.0 1 len 64 of 68 ok port 2 vlan [100 200]",
		"vif4.0 1 len 60 of 64 ok port 3 vlan [0]",
		"vif4.0 1 len 60 of 60 ok port 4 vlan []")
}

func TestRing_Next_newInterface(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	var mu sync.Mutex
	links := map[string]bool{}
	r := openRing(t, capture.RingConfig{OnLink: func(l capture.LinkInfo, followed bool) {
		mu.Lock()
		defer mu.Unlock()
		links[fmt.Sprint(l.Name, followed)] = true
	}}, "vif*")
	checkReceived(t, r)
	w := newWire(t, "vif7.0")
	w.deliver(t, udpFrame(1, 60)) // the first packet of a qube that has just been started
	newWire(t, "tap0").deliver(t, udpFrame(2, 60))
	checkReceived(t, r, "vif7.0 1 len 60 of 60 ok port 1 vlan []")
	ip(t, "link del vif7.0")
	// Until the watch has seen it; each read waits for a while.
	for range 40 {
		checkReceived(t, r)
		mu.Lock()
		done := links["vif7.0true"] && links["vif7.0false"]
		mu.Unlock()
		if done {
			break
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(map[string]bool{"vif7.0true": true, "vif7.0false": true}, links); diff != "" {
		t.Errorf("OnLink mismatch (-want +got):\n%s", diff)
	}
}

// TestRing_Stats fills a ring without reading it: every frame is delivered or
// counted as lost.
func TestRing_Stats(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{Size: 1, Snap: capture.SnapPolicy{HeaderLen: 1000, PlainLen: 1000}}, "vif4.0")
	const sent = 10000
	w.deliver(t, udpFrame(1, 1000))
	for range sent {
		send(t, w.fd, udpFrame(1, 1000))
	}
	got := received(t, r)
	s := r.Stats()
	if in := rxPackets(t, w.near); uint64(len(got))+s.KernelDrops != in || s.Frames != uint64(len(got)) {
		t.Errorf("%d read, Stats = %+v; want a sum of %d", len(got), s, in)
	}
	if s.KernelDrops == 0 || s.Freezes == 0 || s.Skipped != 0 || len(got) < 1000 {
		t.Errorf("%d read, Stats = %+v; want drops", len(got), s)
	}
	if again := r.Stats(); again != s {
		t.Errorf("Stats = %+v; want %+v as before", again, s)
	}
	w.deliver(t, udpFrame(2, 60))
	checkReceived(t, r, "vif4.0 1 len 60 of 60 ok port 2 vlan []")
}

func TestRing_Drain(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{}, "any")
	for port := range uint16(3) {
		w.deliver(t, udpFrame(port, 60))
	}
	if err := r.Drain(); err != nil {
		t.Fatal(err)
	}
	w.deliver(t, udpFrame(9, 60))
	newWire(t, "vif5.0") // makes the watch attach another filter
	var idle capture.Frame
	checkReceived(t, r, "vif4.0 1 len 60 of 60 ok port 0 vlan []", "vif4.0 1 len 60 of 60 ok port 1 vlan []",
		"vif4.0 1 len 60 of 60 ok port 2 vlan []")
	for range 4 {
		if err := r.Next(&idle); !errors.Is(err, capture.ErrIdle) {
			t.Errorf("Next after Drain: %v; want %v", err, capture.ErrIdle)
		}
	}
	w.deliver(t, udpFrame(10, 60))
	checkReceived(t, r)
}

// TestRing_Drain_wake delivers what is in a block that the kernel has not handed
// over yet, whether or not Wake comes late.
func TestRing_Drain_wake(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	for port := range uint16(8) {
		r := openRing(t, capture.RingConfig{}, "vif4.0")
		w.deliver(t, udpFrame(port, 60))
		r.Wake()
		if err := r.Drain(); err != nil {
			t.Fatal(err)
		}
		r.Wake()
		checkReceived(t, r, fmt.Sprintf("vif4.0 1 len 60 of 60 ok port %d vlan []", port))
	}
}

func TestRing_Next_loopback(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	ip(t, "link set lo up")
	r := openRing(t, capture.RingConfig{}, "lo")
	send(t, sender(t, "lo"), udpFrame(1, 60))
	checkReceived(t, r, "lo 1 len 60 of 60 ok port 1 vlan []") // once, not going out and coming in
	if got := r.Stats().Skipped; got != 1 {
		t.Errorf("Stats.Skipped = %d; want 1", got)
	}
}
