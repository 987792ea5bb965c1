package capture_test

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// TestRing_Next_brief cuts the frames of the interfaces that no one keeps, but for those that an
// analyzer wants, and others when others are kept.
func TestRing_Next_brief(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	kept, brief := newWire(t, "vif4.0"), newWire(t, "vif5.0")
	var which atomic.Value
	which.Store("vif5.0")
	compiled, err := pcapfilter.Compile("udp", packet.LinkEthernet, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{UDPPorts: []uint16{7}, HeaderLen: 1200, PlainLen: 1200, Relief: 100},
		Filters: []capture.Filter{{Devices: matcher(t, "vif*"), Ethernet: compiled, Raw: compiled}},
		Brief: func(index uint32) bool {
			i, err := net.InterfaceByIndex(int(index))
			return err == nil && i.Name == which.Load()
		}}, "vif*")
	send := func() {
		for _, w := range []wire{kept, brief} {
			w.deliver(t, udpFrame(9, 1000))
		}
		brief.deliver(t, udpFrame(7, 1000))
	}
	send()
	checkReceived(t, r, "vif4.0 1 len 1000 of 1000 ok port 9 vlan []", "vif5.0 1 len 100 of 1000 ok port 9 vlan []", "vif5.0 1 len 1000 of 1000 ok port 7 vlan []")
	which.Store("vif4.0")
	poll.Until(t, "frames of vif5.0 are kept", func() bool { return keeps(t, r, brief) })
	send()
	checkReceived(t, r, "vif4.0 1 len 100 of 1000 ok port 9 vlan []", "vif5.0 1 len 1000 of 1000 ok port 9 vlan []", "vif5.0 1 len 1000 of 1000 ok port 7 vlan []")
}

// TestRing_Next_manyPorts captures everything where the kernel would refuse the longer program.
func TestRing_Next_manyPorts(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	ports := make([]uint16, 200)
	for i := range ports {
		ports[i] = uint16(2000 + i)
	}
	r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{TCPPorts: ports, HeaderLen: 1200, PlainLen: 1200, Relief: 100},
		Brief: func(uint32) bool { return true }}, "vif*")
	w.deliver(t, udpFrame(9, 1000))
	checkReceived(t, r, "vif4.0 1 len 1000 of 1000 ok port 9 vlan []")
}

// keeps reports whether all of a frame is captured.
func keeps(t *testing.T, r *capture.Ring, w wire) bool {
	t.Helper()
	w.deliver(t, udpFrame(9, 1000))
	return len(next(t, r).Data) == 1000
}
