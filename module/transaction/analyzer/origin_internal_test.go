package analyzer

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// in and out are the two sightings of a packet that one qube sends to another.
func in(p feed.Packet, iface uint32) feed.Packet  { return on(p, iface, packet.Inbound) }
func out(p feed.Packet, iface uint32) feed.Packet { return on(p, iface, packet.Outbound) }

// honest believes that a qube uses its own address: 10.137.0.<interface>.
func honest(iface uint32, source netip.Addr, _ time.Time) bool {
	return iface == 1 || source == netip.AddrFrom4([4]byte{10, 137, 0, byte(iface)})
}

// spoofed is what the beat says of a packet.
func spoofed(p *feed.Packet, genuine func(uint32, netip.Addr, time.Time) bool) bool {
	return genuine != nil && !genuine(p.Iface, p.Src.Netip(p.Family), time.Unix(0, p.Time))
}

// TestOrigins_observe judges the last packet of each list.
func TestOrigins_observe(t *testing.T) {
	t.Parallel()
	there, back := newTCP(work, other, 0, 1, "a"), newTCP(other, work, 0, 1, "b")
	world := newTCP(server, work, 0, 1, "c")
	tests := []struct {
		name    string
		genuine func(uint32, netip.Addr, time.Time) bool
		in      []feed.Packet
		want    disposition
	}{
		{"first", honest, []feed.Packet{in(there, 6)}, toAnalyze},
		{"again", honest, []feed.Packet{in(there, 6), in(there, 6)}, toAnalyze},
		{"copy at the other qube", honest, []feed.Packet{in(there, 6), out(there, 9)}, seenBefore},
		{"answer", honest, []feed.Packet{in(there, 6), out(there, 9), in(back, 9)}, toAnalyze},
		{"copy of the answer", honest, []feed.Packet{in(there, 6), out(there, 9), in(back, 9), out(back, 6)}, seenBefore},
		{"leaves only", honest, []feed.Packet{out(there, 9)}, toAnalyze},
		{"leaves first, as ring order may have it", honest, []feed.Packet{out(there, 9), in(there, 6)}, toAnalyze},
		{"leaves by two interfaces", honest, []feed.Packet{out(there, 9), out(there, 8)}, toAnalyze},
		{"answer from the world, on the uplink", honest, []feed.Packet{in(world, 1)}, toAnalyze},
		{"the same at the qube", honest, []feed.Packet{in(world, 1), out(world, 6)}, seenBefore},
		{"spoofed", honest, []feed.Packet{in(there, 9)}, isSpoofed},
		{"spoofed again", honest, []feed.Packet{in(there, 9), in(there, 9)}, isSpoofed},
		{"owner after a forgery", honest, []feed.Packet{in(there, 9), in(there, 6)}, toAnalyze},
		{"forgery after the owner", honest, []feed.Packet{in(there, 6), in(there, 9)}, isSpoofed},
		{"copy after a forgery", honest, []feed.Packet{in(there, 9), out(there, 9)}, toAnalyze},
		{"spoofed answer does not hide the true one", honest, []feed.Packet{in(world, 9), out(world, 6)}, toAnalyze},
		{"without an inventory", nil, []feed.Packet{in(there, 9)}, toAnalyze},
		{"direction unknown", honest, []feed.Packet{on(there, 0, packet.DirectionUnknown)}, toAnalyze},
		{"copy after a long time", honest, []feed.Packet{in(there, 6), after(in(back, 9), 100*time.Second), after(in(world, 1), 200*time.Second),
			after(out(there, 9), 200*time.Second)}, toAnalyze},
		{"copy while the flow is in use", honest, []feed.Packet{in(there, 6), after(in(there, 6), 80*time.Second),
			after(in(there, 6), 160*time.Second), after(in(world, 1), 200*time.Second), after(out(there, 9), 201*time.Second)}, seenBefore},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigins()
			var got disposition
			for i := range tt.in {
				got = o.observe(&tt.in[i], spoofed(&tt.in[i], tt.genuine))
			}
			if got != tt.want {
				t.Errorf("observe = %d; want %d", got, tt.want)
			}
		})
	}
}

// TestOrigins_lookup finds a conversation by either of its directions.
func TestOrigins_lookup(t *testing.T) {
	t.Parallel()
	type found struct {
		Iface uint32
		Way   packet.Direction
		OK    bool
	}
	there, back := newTCP(work, server, 0, 1, "a"), newTCP(server, work, 0, 1, "b")
	tests := []struct {
		name string
		in   []feed.Packet
		want found
	}{
		{"never seen", nil, found{}},
		{"its own direction", []feed.Packet{in(there, 6)}, found{6, packet.Inbound, true}},
		{"the opposite direction", []feed.Packet{out(back, 6)}, found{6, packet.Inbound, true}},
		{"the opposite direction, on the uplink", []feed.Packet{in(back, 1)}, found{1, packet.Outbound, true}},
		{"its own direction comes first", []feed.Packet{in(back, 1), in(there, 6)}, found{6, packet.Inbound, true}},
		{"direction unknown", []feed.Packet{on(back, 3, packet.DirectionUnknown)}, found{3, packet.DirectionUnknown, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigins()
			for i := range tt.in {
				o.observe(&tt.in[i], false)
			}
			var got found
			at, ok := o.lookup(there.Key())
			got = found{at.iface, at.direction, ok}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lookup mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrigins_put is bounded, and forgets by age; a clock that was set back is no
// harm.
func TestOrigins_put(t *testing.T) {
	t.Parallel()
	o := newOrigins()
	first := in(newTCP(work, server, 0, 1, ""), 6)
	o.observe(&first, false)
	for i := range 3 * maxOrigins {
		p := in(newTCP(fmt.Sprintf("10.137.%d.%d:5000", i>>8, i&255), server, 0, 1, ""), 6+uint32(i%16))
		o.observe(&p, false)
		if len(o.young) > maxOrigins || len(o.old) > maxOrigins {
			t.Fatalf("%d and %d flows are remembered after %d", len(o.young), len(o.old), i)
		}
	}
	if _, ok := o.lookup(first.Key()); !ok {
		t.Error("a flow is forgotten because of many others")
	}
	late := in(newTCP("10.138.9.9:5000", server, 0, 1, ""), 99)
	o.observe(&late, false)
	if _, ok := o.young[late.Key()]; !ok {
		t.Error("the flow of another interface finds no room")
	}
	for _, at := range []int64{0, 1 << 62, 1, start, -1 << 63, 1<<63 - 1, 0} {
		p := first
		p.Time = at
		if got := o.observe(&p, false); got != toAnalyze {
			t.Errorf("observe at %d = %d; want toAnalyze", at, got)
		}
		if _, ok := o.lookup(p.Key()); !ok {
			t.Errorf("the flow that was observed at %d is forgotten", at)
		}
	}
}

// TestOrigins_learned asks again when the inventory may have learned more: what
// began before it knew the qube is not believed for ever.
func TestOrigins_learned(t *testing.T) {
	o := newOrigins()
	known := false
	genuine := func(iface uint32, source netip.Addr, at time.Time) bool { return !known || honest(iface, source, at) }
	p := in(newTCP(work, server, 0, 1, ""), 9) // the address of another qube
	if got := o.observe(&p, spoofed(&p, genuine)); got != toAnalyze {
		t.Fatalf("observe of an unknown qube = %d; want toAnalyze", got)
	}
	known = true
	for range 100 {
		p = after(p, time.Minute)
		if o.observe(&p, spoofed(&p, genuine)) == isSpoofed {
			return
		}
	}
	t.Error("a spoofed flow is analyzed 100 minutes after the qube became known")
}

// TestOrigins_fair holds that one qube's flood of flows does not displace those of others.
func TestOrigins_fair(t *testing.T) {
	o := newOrigins()
	quiet := in(newTCP(other, server, 0, 1, ""), 9)
	o.observe(&quiet, false)
	for i := range 3 * maxOrigins {
		p := in(newUDP(fmt.Sprintf("10.137.0.6:%d", 1+i%65000), fmt.Sprintf("10.139.1.%d:53", i/65000), "x"), 6)
		o.observe(&p, false)
	}
	if _, ok := o.lookup(quiet.Key()); !ok {
		t.Error("a flood over interface 6 has displaced the flow of interface 9")
	}
}
