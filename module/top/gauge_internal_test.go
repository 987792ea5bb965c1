package top

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestGauge_Packets counts both ways of each interface, without allocating, and whatever the
// numbers of the interfaces are.
func TestGauge_Packets(t *testing.T) { // not parallel: AllocsPerRun
	g := newGauge()
	ps := []packet.Packet{
		datagram(1, sent, "10.137.0.6:4000", "198.51.100.7:53"),
		datagram(65, sent, "10.137.0.9:4000", "198.51.100.7:53"), // in the same place of near
		datagram(1, received, "10.137.0.6:4000", "198.51.100.7:53"),
		datagram(1, sent, "10.137.0.6:4000", "198.51.100.7:53"),
	}
	g.Packets(ps)
	if n := testing.AllocsPerRun(99, func() { g.Packets(ps) }); n != 0 {
		t.Errorf("Packets allocates %v times", n)
	}
	if s := g.slots[1]; s.packets != [2]uint64{202, 101} || s.bytes != [2]uint64{20200, 10100} || s.addr() != netip.MustParseAddr("10.137.0.6") {
		t.Errorf("slot = %+v", s)
	}
	if s := g.slots[65]; s.packets != [2]uint64{101, 0} || s.peers != nil {
		t.Errorf("slot = %+v; want 101 packets, and no peers, as no one looks", s)
	}
}

// TestGauge_bounded forgets the interface that has been silent for longest, and counts it.
func TestGauge_bounded(t *testing.T) {
	t.Parallel()
	g := newGauge()
	for i := range uint32(maxInterfaces + 10) {
		p := datagram(i, sent, "10.137.0.6:4000", "198.51.100.7:53")
		p.Time += int64(i)
		g.Packets([]packet.Packet{p})
	}
	if len(g.slots) != maxInterfaces || g.evicted.Load() != 10 || g.slots[9] != nil || g.slots[10] == nil {
		t.Errorf("%d interfaces, %d evicted", len(g.slots), g.evicted.Load())
	}
	last := uint32(maxInterfaces + 9) // its place in near must not be used once it is forgotten
	g.forget(last)
	if g.Packets([]packet.Packet{datagram(last, sent, "10.137.0.6:4000", "198.51.100.7:53")}); g.slots[last] == nil || g.slots[last].packets[sent] != 1 {
		t.Errorf("slot = %+v; want one packet", g.slots[last])
	}
}

// TestGauge_Flow counts live flows and those that have begun.
func TestGauge_Flow(t *testing.T) {
	t.Parallel()
	g := newGauge()
	for _, change := range []int{1, 1, -1, 1} {
		g.Flow(1, change)
	}
	if s := g.slots[1]; s.flows != 2 || s.begun != 3 {
		t.Errorf("%d live, %d begun; want 2, 3", s.flows, s.begun)
	}
	g.ForgetFlows()
	if s := g.slots[1]; s.flows != 0 || s.begun != 3 {
		t.Errorf("%d live, %d begun; want 0, 3", s.flows, s.begun)
	}
	if g.Flow(2, -1); g.slots[2].flows != 0 { // of a flow whose interface was forgotten
		t.Errorf("%d flows", g.slots[2].flows)
	}
}

// TestGauge_watching counts peers from the first look on, until no one has looked for a while.
func TestGauge_watching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGauge()
		p := []packet.Packet{datagram(1, sent, "10.137.0.6:4000", "198.51.100.7:53")}
		look := func() []reading {
			r, err := g.read(t.Context(), g.Share, question{open: 1})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		g.Packets(p)
		if r := look(); len(r) != 1 || r[0].packets[sent] != 1 || len(r[0].peers) != 0 {
			t.Errorf("first look: %+v; want a packet and no peer", r)
		}
		g.Packets(p)
		if r := look(); len(r[0].peers) != 1 || r[0].peers[0].packets[sent] != 1 {
			t.Errorf("second look: %+v; want a peer", r)
		}
		time.Sleep(watchFor + time.Second)
		g.Share()
		if g.Packets(p); g.watching || g.slots[1].peers != nil {
			t.Error("peers are counted although no one looks")
		}
	})
}

// TestGauge_read_silent gives up if the meter does not answer, and there is no late answer.
func TestGauge_read_silent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGauge()
		if _, err := g.read(t.Context(), func() {}, question{}); !errors.Is(err, errSilent) {
			t.Errorf("read = %v; want %v", err, errSilent)
		}
		if g.Share(); g.watching {
			t.Error("a question that was given up is answered")
		}
		close(g.stopped)
		began := time.Now()
		if _, err := g.read(t.Context(), func() {}, question{}); !errors.Is(err, errSilent) || time.Since(began) > 0 {
			t.Errorf("read = %v after %v at a stop; want %v at once", err, time.Since(began), errSilent)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newGauge().read(ctx, func() {}, question{}); !errors.Is(err, context.Canceled) {
			t.Errorf("read = %v; want %v", err, context.Canceled)
		}
	})
}

// TestPeers_bounded keeps those with most traffic, whatever else a qube sends.
func TestPeers_bounded(t *testing.T) {
	t.Parallel()
	var ps peers
	heavy := datagram(1, received, "10.137.0.6:40000", "198.51.100.7:443")
	for i := range 10_000 {
		ps.add(&heavy, received)
		p := datagram(1, sent, "10.137.0.6:40000", fmt.Sprintf("203.0.%d.%d:443", i>>8, i&255))
		ps.add(&p, sent)
	}
	list := ps.ranked()
	if len(list) != maxPeers || list[0].addr.Netip(4) != netip.MustParseAddr("198.51.100.7") || list[0].bytes != [2]uint64{0, 1_000_000} {
		t.Errorf("%d peers, first %+v; want %d, first that with all of its bytes", len(list), list[0], maxPeers)
	}
}

// TestPeers_top lets the peer of now overtake that of before.
func TestPeers_top(t *testing.T) {
	t.Parallel()
	var ps peers
	before, now := datagram(1, sent, "10.137.0.6:40000", "192.0.2.1:443"), datagram(1, sent, "10.137.0.6:40000", "192.0.2.2:443")
	for range 1000 {
		ps.add(&before, sent)
	}
	for range 8 {
		ps.top()
		for range 100 {
			ps.add(&now, sent)
		}
	}
	if all, top := ps.ranked(), ps.top()[0]; top.addr.Netip(4) != netip.MustParseAddr("192.0.2.2") || all[0].peerKey != top.peerKey || len(all) != 2 {
		t.Errorf("top = %v of %d; want the one of now, of two", top.addr.Netip(4), len(all))
	}
	if none := new(peers).top(); len(none) != 0 {
		t.Errorf("top of no peers = %v", none)
	}
}

// TestRemote finds the far side, and its port if it is the server.
func TestRemote(t *testing.T) {
	t.Parallel()
	tunnel := datagram(1, sent, "10.137.0.6:4000", "198.51.100.7:53")
	tunnel.Outer = packet.Outer{Kind: packet.TunnelGRE, Family: 4, Proto: packet.ProtoGRE}
	tunnel.Outer.Src, _ = packet.AddrFrom(netip.MustParseAddr("10.137.0.6"))
	tunnel.Outer.Dst, _ = packet.AddrFrom(netip.MustParseAddr("192.0.2.1"))
	for _, tt := range []struct {
		name string
		p    packet.Packet
		side int
		addr string
		port uint16
	}{
		{"query", datagram(1, sent, "10.137.0.6:4000", "198.51.100.7:53"), sent, "198.51.100.7", 53},
		{"answer", datagram(1, received, "10.137.0.6:4000", "198.51.100.7:53"), received, "198.51.100.7", 53},
		{"client of the qube", datagram(1, received, "10.137.0.6:22", "198.51.100.7:4000"), received, "198.51.100.7", 0},
		{"IPv6", datagram(1, sent, "[fd09::6]:4000", "[2001:db8::7]:443"), sent, "2001:db8::7", 443},
		{"tunnel", tunnel, sent, "192.0.2.1", 0},
	} {
		k, _, _ := remote(&tt.p, tt.side)
		if k.addr.Netip(k.family) != netip.MustParseAddr(tt.addr) || k.port != tt.port {
			t.Errorf("%s: remote = %v port %d; want %s port %d", tt.name, k.addr.Netip(k.family), k.port, tt.addr, tt.port)
		}
	}
}

// TestGauge_Shunted adds what the kernel has counted to what was metered.
func TestGauge_Shunted(t *testing.T) {
	t.Parallel()
	g := newGauge()
	g.watching = true
	p := packet.Packet{Iface: 4, Family: 4, Proto: packet.ProtoTCP, Direction: packet.Outbound, SrcPort: 443, DstPort: 40000, Time: 7, Length: 100}
	g.Packets([]packet.Packet{p})
	g.Shunted(&p, 20, 30_000)
	s := g.find(4)
	if s.packets != [2]uint64{0, 21} || s.bytes != [2]uint64{0, 30_100} || s.seen != 7 {
		t.Errorf("packets %v, bytes %v, seen %d; want what was metered and what was shunted", s.packets, s.bytes, s.seen)
	}
	if e := s.peers.list[0]; s.peers.n != 1 || e.packets != s.packets || e.bytes != s.bytes {
		t.Errorf("peers = %+v; want one with all", s.peers)
	}
}
