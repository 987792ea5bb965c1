package shunt_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/shunt"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// Two ends of a flow, for each family.
var (
	ends4 = [2]netip.AddrPort{netip.MustParseAddrPort("10.137.0.6:49153"), netip.MustParseAddrPort("192.0.2.53:9000")}
	ends6 = [2]netip.AddrPort{netip.MustParseAddrPort("[fd09:24ef:4179::a89:6]:49153"), netip.MustParseAddrPort("[2001:db8::7]:443")}
)

// frame returns an Ethernet frame from the end that sends to the other one.
func frame(ends [2]netip.AddrPort, from int, proto byte, flags byte, payload []byte) []byte {
	l4 := make([]byte, 8, 20)
	if proto == packet.ProtoTCP {
		l4 = l4[:20]
		l4[12], l4[13] = 5<<4, flags
	} else {
		binary.BigEndian.PutUint16(l4[4:], uint16(8+len(payload)))
	}
	src, dst := ends[from], ends[1-from]
	binary.BigEndian.PutUint16(l4, src.Port())
	binary.BigEndian.PutUint16(l4[2:], dst.Port())
	l4 = append(l4, payload...)
	var ip []byte
	etherType := []byte{0x08, 0}
	if src.Addr().Is4() {
		ip = []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0}
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(l4)))
	} else {
		ip, etherType = []byte{0x60, 0, 0, 0, 0, 0, proto, 64}, []byte{0x86, 0xdd}
		binary.BigEndian.PutUint16(ip[4:], uint16(len(l4)))
	}
	ip = slices.Concat(ip, src.Addr().AsSlice(), dst.Addr().AsSlice())
	return slices.Concat(make([]byte, 12), etherType, ip, l4)
}

// change returns a copy of b with a byte changed.
func change(b []byte, at int, to byte) []byte {
	b = slices.Clone(b)
	b[at] = to
	return b
}

// Offsets in a frame with IPv4.
const ip4, l4 = 14, 14 + 20

// TestProgram has one packet of a flow that is counted after the other come by, from both
// ends, and looks at where it went.
func TestProgram(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	const ack = packet.ACK
	body := make([]byte, 100)
	udp, tcp := frame(ends4, 0, packet.ProtoUDP, 0, body), frame(ends4, 0, packet.ProtoTCP, ack, body)
	udp6, tcp6 := frame(ends6, 0, packet.ProtoUDP, 0, body), frame(ends6, 0, packet.ProtoTCP, ack, body)
	w := newWorld(t, shunt.Config{ClientHellos: true})
	for _, tt := range []struct {
		name    string
		of      []byte // the flow that is counted
		send    []byte
		back    bool // it is sent out of the vif
		counted bool
		over    bool // and nothing after it is
	}{
		{"UDP", udp, udp, false, true, false},
		{"UDP back", udp, frame(ends4, 1, packet.ProtoUDP, 0, body), true, true, false},
		{"UDP, 6", udp6, udp6, false, true, false},
		{"UDP back, 6", udp6, frame(ends6, 1, packet.ProtoUDP, 0, body), true, true, false},
		{"UDP without payload", udp, frame(ends4, 0, packet.ProtoUDP, 0, nil), false, true, false},
		{"UDP without payload, 6", udp6, frame(ends6, 0, packet.ProtoUDP, 0, nil), false, true, false},
		{"TCP", tcp, tcp, false, true, false},
		{"TCP, more flags", frame(ends4, 0, packet.ProtoTCP, ack|packet.PSH, body), tcp, false, true, false},
		{"TCP back", tcp, frame(ends4, 1, packet.ProtoTCP, ack|packet.PSH, body), true, true, false},
		{"TCP, 6", tcp6, tcp6, false, true, false},
		{"TCP back, 6", tcp6, frame(ends6, 1, packet.ProtoTCP, ack, nil), true, true, false},
		{"TCP without payload", tcp, frame(ends4, 0, packet.ProtoTCP, ack, nil), false, true, false},
		{"no length, as of offload", tcp, change(tcp, ip4+3, 0), false, true, false},
		{"FIN", tcp, frame(ends4, 0, packet.ProtoTCP, ack|packet.FIN, nil), false, false, true},
		{"FIN back", tcp, frame(ends4, 1, packet.ProtoTCP, ack|packet.FIN, body), true, false, true},
		{"RST", tcp, frame(ends4, 1, packet.ProtoTCP, packet.RST, nil), true, false, true},
		{"SYN", tcp, frame(ends4, 0, packet.ProtoTCP, packet.SYN, nil), false, false, true},
		{"SYN, 6", tcp6, frame(ends6, 0, packet.ProtoTCP, packet.SYN, nil), false, false, true},
		{"ClientHello", tcp, frame(ends4, 0, packet.ProtoTCP, ack, []byte{22, 3, 1, 2, 0, 1, 0}), false, false, true},
		{"ClientHello back", tcp, frame(ends4, 1, packet.ProtoTCP, ack, []byte{22, 3, 1, 2, 0, 1, 0}), true, false, true},
		{"first byte of a ClientHello", tcp, frame(ends4, 0, packet.ProtoTCP, ack, []byte{22}), false, false, true},
		{"no ClientHello", tcp, frame(ends4, 0, packet.ProtoTCP, ack, []byte{22, 4, 1}), false, true, false},
		{"QUIC, long header", udp, frame(ends4, 0, packet.ProtoUDP, 0, []byte{0xc3, 0, 0, 0, 1}), false, false, false},
		{"QUIC back, 6", udp6, frame(ends6, 1, packet.ProtoUDP, 0, []byte{0xc3, 0, 0, 0, 1}), true, false, false},
		{"QUIC, short header", udp, frame(ends4, 0, packet.ProtoUDP, 0, []byte{0x43}), false, true, false},
		{"fragment", udp, change(udp, ip4+6, 0x20), false, false, false},
		{"IP options", tcp, change(tcp, ip4, 0x46), false, false, false},
		{"other port", udp, change(udp, l4+3, 1), false, false, false},
		{"other address", udp, change(udp, ip4+19, 1), false, false, false},
		{"other protocol", udp, change(udp, ip4+9, packet.ProtoUDPLite), false, false, false},
		{"other ends swapped", udp, frame([2]netip.AddrPort{netip.AddrPortFrom(ends4[0].Addr(), 9000),
			netip.AddrPortFrom(ends4[1].Addr(), 49153)}, 0, packet.ProtoUDP, 0, body), false, false, false},
		{"short total length", tcp, change(tcp, ip4+3, 30), false, false, false},
		{"short payload length, 6", tcp6, change(tcp6, 14+5, 12), false, false, false},
		{"extension header, 6", udp6, change(udp6, 14+6, 60), false, false, false},
		{"tag in the frame", udp, slices.Concat(udp[:12], []byte{0x81, 0, 0, 7}, udp[12:]), false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) { w.check(t, tt.of, tt.send, tt.back, tt.counted, tt.over) })
	}
}

// check sends one frame while a flow is counted, and then one of the flow.
func (w *world) check(t *testing.T, of, send []byte, back, counted, over bool) {
	w.t = t
	p := w.decode(of)
	place := w.shunt.Begin(p)
	if place == 0 {
		t.Fatal("the flow is not counted")
	}
	defer w.shunt.Free(place)
	own := 0 // the line of the flow's sender: that of the lower address or of the higher
	if p.Src.Compare(&p.Dst) > 0 {
		own = 1
	}
	var want flow.Counted
	fd, line := w.far, own
	if back {
		fd, line = w.near, 1-own
	}
	if counted {
		want.Packets[line], want.Bytes[line], want.Flags[line] = 1, uint64(len(send)), w.decode(send).TCPFlags
	}
	if want.Over = over; !over {
		want.Packets[own]++
		want.Bytes[own] += uint64(len(of))
		want.Flags[own] |= w.decode(of).TCPFlags
	}
	w.send(fd, send)
	w.send(w.far, mark())
	w.send(w.far, of)
	w.send(w.far, mark())
	if n := w.captured(); n == 1 == counted {
		t.Errorf("%d packets are captured; counted is to be %v", n, counted)
	}
	if n := w.captured(); n == 1 != over {
		t.Errorf("%d packets are captured after it; over is to be %v", n, over)
	}
	var c flow.Counted
	if w.shunt.Read(place, &c); c.Packets != want.Packets || c.Bytes != want.Bytes || c.Flags != want.Flags || c.Over != over {
		t.Errorf("counted %+v; want %+v", c, want)
	}
}

// TestProgram_silence has the first packet after a silence captured, and those that follow.
func TestProgram_silence(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWorld(t, shunt.Config{Silence: 100 * time.Millisecond})
	udp := frame(ends4, 0, packet.ProtoUDP, 0, nil)
	place := w.shunt.Begin(w.decode(udp))
	w.send(w.far, udp)
	var f capture.Frame
	if err := w.ring.Next(&f); !errors.Is(err, capture.ErrIdle) { // after a quarter of a second
		t.Fatalf("Next = %v; want ErrIdle", err)
	}
	for range 2 {
		w.send(w.far, udp)
	}
	w.send(w.far, mark())
	var c flow.Counted
	captured := w.captured()
	if w.shunt.Read(place, &c); captured != 2 || c.Packets[0]+c.Packets[1] != 1 || !c.Over {
		t.Errorf("%d packets are captured, counted %+v; want 2, and one that was counted before", captured, c)
	}
}
