package capture_test

import (
	"errors"
	"os"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// kept reads a ring until it is idle and returns how many bytes there were of each frame.
func kept(t *testing.T, r *capture.Ring) (all []int) {
	t.Helper()
	for {
		var f capture.Frame
		err := r.Next(&f)
		if errors.Is(err, capture.ErrIdle) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, len(f.Data))
	}
}

// TestRing_pressure cuts frames while many wait, first those that nothing wants in full, and
// no longer once the ring has been read.
func TestRing_pressure(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	const size, blocks, perBlock = 1400, 16, 85 // perBlock: with the kernel's own header
	snap := capture.SnapPolicy{UDPPorts: []uint16{7}, HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: 100}
	for _, tt := range []struct {
		name        string
		waiting     int // blocks
		want        [2]int
		wantReliefs uint64
	}{
		{"calm", 1, [2]int{size, size}, 0},
		{"strained", blocks/3 + 2, [2]int{100, size}, 1},
		{"squeezed", blocks*2/3 + 2, [2]int{100, 100}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, "vif4.0")
			defer ip(t, "link del vif4.0")
			r := openRing(t, capture.RingConfig{Size: 2 << 20, Snap: snap}, "vif4.0")
			w.deliver(t, udpFrame(1, size))
			kept(t, r)
			for range tt.waiting * perBlock {
				send(t, w.fd, udpFrame(1, size))
			}
			next(t, r)
			send(t, w.fd, udpFrame(1, size))
			send(t, w.fd, udpFrame(7, size))
			all := kept(t, r)
			if got := [2]int(all[len(all)-2:]); got != tt.want {
				t.Errorf("with %d blocks waiting, %v bytes of frames are kept; want %v", tt.waiting, got, tt.want)
			}
			if s := r.Stats(); len(all) != tt.waiting*perBlock+1 || s.KernelDrops != 0 || s.Reliefs != tt.wantReliefs {
				t.Errorf("%d frames read, Stats = %+v; want %d, %d reliefs", len(all), s, tt.waiting*perBlock+1, tt.wantReliefs)
			}
			send(t, w.fd, udpFrame(1, size))
			if all = kept(t, r); len(all) != 1 || all[0] != size {
				t.Errorf("when the ring has been read, %v bytes are kept; want %d", all, size)
			}
		})
	}
}

// optionMemory sets what the sockets of the namespace may take for options such as filters, in bytes,
// and returns what they could take before. It skips where all namespaces share it, before Linux 6.8.
func optionMemory(t *testing.T, bytes string) (before string) {
	t.Helper()
	const path = "/proc/sys/net/core/optmem_max"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("this kernel has no memory for options of a namespace: %v", err)
	}
	if err := os.WriteFile(path, []byte(bytes), 0o644); err != nil {
		t.Fatal(err)
	}
	return string(old)
}

// TestRing_pressure_refused keeps the filter that there is while the kernel has no memory for
// another one, and tries again with the next block.
func TestRing_pressure_refused(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	const size, waiting, perBlock = 1400, 16/3 + 4, 85 // of 16 blocks; perBlock: with the kernel's own header
	w := newWire(t, "vif4.0")
	defer ip(t, "link del vif4.0")
	r := openRing(t, capture.RingConfig{Size: 2 << 20, Snap: capture.SnapPolicy{HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: 100}}, "vif4.0")
	w.deliver(t, udpFrame(1, size))
	kept(t, r)
	for range waiting * perBlock {
		send(t, w.fd, udpFrame(1, size))
	}
	before := optionMemory(t, "0")
	defer optionMemory(t, before)
	next(t, r)
	send(t, w.fd, udpFrame(1, size))
	optionMemory(t, before)
	if s := r.Stats(); s.Reliefs != 0 {
		t.Errorf("%d reliefs while the kernel refuses the filter; want none", s.Reliefs)
	}
	read := 1
	for ; r.Stats().Reliefs == 0 && read < 2*perBlock; read++ {
		next(t, r)
	}
	send(t, w.fd, udpFrame(1, size))
	all := kept(t, r)
	if got := [2]int(all[len(all)-2:]); got != [2]int{size, 100} {
		t.Errorf("%v bytes are kept of a frame that came while the filter was refused and of one later; want %d and 100", got, size)
	}
	if s := r.Stats(); read+len(all) != waiting*perBlock+2 || s.KernelDrops != 0 || s.Reliefs != 1 {
		t.Errorf("%d frames read, Stats = %+v; want %d, one relief", read+len(all), s, waiting*perBlock+2)
	}
}

// twoWires returns two interfaces and a ring of 2 MiB, with relief, that has seen a frame of each.
func twoWires(t *testing.T, size int) (a, b wire, r *capture.Ring) {
	t.Helper()
	a, b = newWire(t, "vif4.0"), newWire(t, "vif5.0")
	r = openRing(t, capture.RingConfig{Size: 2 << 20, Snap: capture.SnapPolicy{HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: 100}}, "vif*")
	a.deliver(t, udpFrame(1, size))
	b.deliver(t, udpFrame(1, size))
	kept(t, r)
	return a, b, r
}

// TestRing_pressure_fair cuts, while a ring is strained, the frames of the interfaces that fill it only,
// also of one that begins to do so later, and those of all when two thirds of it wait.
func TestRing_pressure_fair(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	const size, blocks, perBlock = 1400, 16, 85 // perBlock: with the kernel's own header
	noisy, quiet, r := twoWires(t, size)
	defer ip(t, "link del vif4.0")
	defer ip(t, "link del vif5.0")
	fill := func(w wire, waiting int) {
		for range waiting * perBlock {
			send(t, w.fd, udpFrame(1, size))
		}
	}
	both := func() (got [2]int) {
		t.Helper()
		next(t, r)
		send(t, noisy.fd, udpFrame(1, size))
		send(t, quiet.fd, udpFrame(1, size))
		all := kept(t, r)
		return [2]int(all[len(all)-2:])
	}
	send(t, quiet.fd, udpFrame(1, size))
	fill(noisy, blocks/3+2)
	if got, want := both(), [2]int{100, size}; got != want {
		t.Errorf("strained by one interface, %v bytes are kept of its frames and of another one's; want %v", got, want)
	}
	fill(noisy, blocks*2/3+2)
	if got, want := both(), [2]int{100, 100}; got != want {
		t.Errorf("squeezed by one interface, %v bytes are kept of its frames and of another one's; want %v", got, want)
	}
	if s := r.Stats(); s.KernelDrops != 0 || s.Reliefs != 2 {
		t.Errorf("Stats = %+v; want two reliefs and no loss", s)
	}
}

// TestRing_pressure_joined cuts the frames of an interface that begins to fill a strained ring.
func TestRing_pressure_joined(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	const size, blocks, perBlock = 1400, 16, 85 // perBlock: with the kernel's own header
	first, second, r := twoWires(t, size)
	defer ip(t, "link del vif4.0")
	defer ip(t, "link del vif5.0")
	for range (blocks/3 + 2) * perBlock {
		send(t, first.fd, udpFrame(1, size))
	}
	next(t, r) // strained by the first
	for range 5 * perBlock {
		send(t, second.fd, udpFrame(1, size))
	}
	for range 7 * perBlock { // of the first, and then into those of the second
		next(t, r)
	}
	send(t, second.fd, udpFrame(1, size))
	if all := kept(t, r); all[len(all)-1] != 100 {
		t.Errorf("%d bytes are kept of a frame of the interface that fills the ring now; want 100", all[len(all)-1])
	}
}
