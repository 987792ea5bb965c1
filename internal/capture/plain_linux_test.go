package capture_test

import (
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// tcpFrame is an Ethernet frame of 1,400 bytes with a TCP segment that begins with payload.
func tcpFrame(flags byte, payload ...byte) []byte {
	f := udpFrame(0, 1400)
	f[14+9], f[14+20+12], f[14+20+13] = packet.ProtoTCP, 5<<4, flags
	copy(f[14+20+20:], payload)
	return f
}

// TestRing_Next_plain keeps no more than the headers of a packet, unless there may be other
// headers behind, or the rest of a ClientHello.
func TestRing_Next_plain(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	const plain, headers, full = capture.DefaultPlain, 768, 1400
	frames := []struct {
		name         string
		frame        []byte
		want, silent int // with and without ClientHello
	}{
		{"UDP", udpFrame(9, full), plain, plain},
		{"VXLAN", udpFrame(packet.PortVXLAN, full), headers, headers},
		{"QUIC", slices.Concat(udpFrame(443, 42), []byte{0xc0}, make([]byte, full-43)), full, plain},
		{"TCP", tcpFrame(packet.ACK), plain, plain},
		{"end of a write", tcpFrame(packet.ACK | packet.PSH), headers, plain},
		{"ClientHello", tcpFrame(packet.ACK, 0x16, 3, 1), full, plain},
	}
	w := newWire(t, "vif4.0")
	for datagrams, want := range map[bool][2]int{false: {plain, plain}, true: {headers, plain}} { // of a short one, a long one
		r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{HeaderLen: headers, Datagrams: datagrams}}, "vif4.0")
		w.deliver(t, udpFrame(1, 60))
		kept(t, r)
		for i, length := range []int{headers, headers + 1} {
			send(t, w.fd, udpFrame(9, length))
			if f := next(t, r); len(f.Data) != want[i] || int(f.Length) != length {
				t.Errorf("Datagrams %v: %d bytes of a datagram of %d are kept; want %d", datagrams, len(f.Data), f.Length, want[i])
			}
		}
	}
	for _, hello := range []bool{true, false} {
		r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{ClientHello: hello, HeaderLen: headers}}, "vif4.0")
		w.deliver(t, udpFrame(1, 60))
		kept(t, r)
		small := tcpFrame(packet.ACK)[:headers] // one of many segments of a ClientHello
		send(t, w.fd, small)
		if f := next(t, r); len(f.Data) != len(small) {
			t.Errorf("a small segment (hello %v): %d bytes of %d are kept", hello, len(f.Data), len(small))
		}
		for _, tt := range frames {
			want := tt.want
			if !hello {
				want = tt.silent
			}
			send(t, w.fd, tt.frame)
			if f := next(t, r); len(f.Data) != want || f.Length != full {
				t.Errorf("%s (hello %v): %d bytes of %d are kept; want %d of %d", tt.name, hello, len(f.Data), f.Length, want, full)
			}
		}
	}
}
