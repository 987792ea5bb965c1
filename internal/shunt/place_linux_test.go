package shunt_test

import (
	"encoding/binary"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/shunt"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestShunt_Begin_share has one vif begin as many flows as it may: about half of the places,
// and then another one still finds room. Freed places are used again.
func TestShunt_Begin_share(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWorld(t, shunt.Config{UDPPorts: []uint16{53}})
	p := *w.decode(frame(ends4, 0, packet.ProtoUDP, 0, nil))
	begin := func(iface uint32, from, n int) (places []uint16) {
		for i := range n {
			q := p
			q.Iface = iface
			binary.BigEndian.PutUint32(q.Src[:], uint32(from+i))
			if at := w.shunt.Begin(&q); at != 0 {
				places = append(places, at)
			}
		}
		return places
	}
	first := begin(7, 1, 2*shunt.Places)
	if n := len(first); n < shunt.Places/3 || n > shunt.Places/2 {
		t.Errorf("one vif has %d of %d places; want at most half", n, shunt.Places)
	}
	second := begin(8, 1, 100)
	if len(second) < 70 { // some buckets of eight are full
		t.Errorf("another vif has %d places; want about 100", len(second))
	}
	if s := w.shunt.Stats(); s.Live != uint64(len(first)+len(second)) || s.Refused == 0 {
		t.Errorf("Stats = %+v; want %d live", s, len(first)+len(second))
	}
	for _, at := range first {
		w.shunt.Free(at)
	}
	if again := begin(7, 1<<20, 500); len(again) < 450 {
		t.Errorf("%d of 500 flows found room in freed places", len(again))
	}
}

// TestShunt_captured counts no flow of an interface whose packets have to be captured, and
// stops those that it counts when that begins.
func TestShunt_captured(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	captured := uint32(8)
	w := newWorld(t, shunt.Config{Captured: func(iface uint32) bool { return iface == captured }})
	p := *w.decode(frame(ends4, 0, packet.ProtoUDP, 0, nil))
	p.Iface = 8
	if w.shunt.Begin(&p) != 0 {
		t.Error("a flow is counted that has to be captured")
	}
	p.Iface = 7
	at := w.shunt.Begin(&p)
	if at == 0 {
		t.Fatal("the flow of another interface is not counted")
	}
	var c flow.Counted
	if w.shunt.Read(at, &c); c.Over {
		t.Error("its counting is over")
	}
	captured = 7
	if w.shunt.Read(at, &c); !c.Over {
		t.Error("its counting goes on, though it has to be captured now")
	}
}

// TestShunt_Begin_refused counts no flow whose packets someone looks at, or whose headers
// the program does not read as the decoder does.
func TestShunt_Begin_refused(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	unwanted := ends4[0].Port()
	w := newWorld(t, shunt.Config{UDPPorts: []uint16{53}, TCPPorts: []uint16{80},
		Wanted: func(p *packet.Packet) bool { return p.SrcPort != unwanted-1 }})
	for _, tt := range []struct {
		name   string
		change func(p *packet.Packet)
		want   bool
	}{
		{"UDP", func(*packet.Packet) {}, true},
		{"port of an analyzer", func(p *packet.Packet) { p.SrcPort = 53 }, false},
		{"port of an analyzer of TCP", func(p *packet.Packet) { p.DstPort = 80 }, true},
		{"TCP to it", func(p *packet.Packet) { p.Proto, p.DstPort = packet.ProtoTCP, 80 }, false},
		{"VXLAN", func(p *packet.Packet) { p.DstPort = packet.PortVXLAN }, false},
		{"in a tunnel", func(p *packet.Packet) { p.Outer.Kind = packet.TunnelGRE }, false},
		{"fragment", func(p *packet.Packet) { p.Fragment = packet.FragmentFirst }, false},
		{"ESP", func(p *packet.Packet) { p.Proto = packet.ProtoESP }, false},
		{"without an Ethernet header", func(p *packet.Packet) { p.HasMAC = false }, false},
		{"two tags", func(p *packet.Packet) { p.VLANs = 2 }, false},
		{"loopback", func(p *packet.Packet) { p.Iface = 1 }, false},
		{"to itself", func(p *packet.Packet) { p.Dst = p.Src }, false},
		{"not wanted", func(p *packet.Packet) { p.SrcPort = unwanted - 1 }, false},
	} {
		p := *w.decode(frame(ends4, 0, packet.ProtoUDP, 0, nil))
		tt.change(&p)
		at := w.shunt.Begin(&p)
		if (at != 0) != tt.want {
			t.Errorf("%s: counted: %v; want %v", tt.name, at != 0, tt.want)
		}
		if at != 0 {
			w.shunt.Free(at)
		}
	}
}
