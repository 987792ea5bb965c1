package flow_test

import (
	"fmt"
	"math/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// fakeShunt does what the program in the kernel does, with a map.
type fakeShunt struct {
	silence int64
	counted map[string]*counted
	places  []*counted // by place-1
	room    int
}

type counted struct {
	flow.Counted
	key   string
	last  int64
	freed bool
}

func conversationOf(p *packet.Packet) (key string, sender int) {
	a := netip.AddrPortFrom(p.Src.Netip(p.Family), p.SrcPort)
	b := netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort)
	if a.Compare(b) > 0 {
		a, b, sender = b, a, 1
	}
	return fmt.Sprint(a, b, p.Proto, p.Iface), sender
}

// takes counts a packet, or reports false.
func (s *fakeShunt) takes(p *packet.Packet) bool {
	key, sender := conversationOf(p)
	c := s.counted[key]
	if c == nil {
		return false
	}
	if p.TCPFlags&(packet.SYN|packet.FIN|packet.RST) != 0 || p.Time-c.last > s.silence {
		s.stop(c)
		return false
	}
	c.Packets[sender]++
	c.Bytes[sender] += uint64(p.Length)
	c.Flags[sender] |= p.TCPFlags
	if c.First == 0 {
		c.First = p.Time
	}
	c.Last, c.last = p.Time, p.Time
	return true
}

func (s *fakeShunt) stop(c *counted) {
	c.Over = true
	delete(s.counted, c.key)
}

func (s *fakeShunt) Begin(p *packet.Packet) uint16 {
	if len(s.counted) >= s.room {
		return 0
	}
	key, _ := conversationOf(p)
	if s.counted[key] != nil {
		panic("a flow is counted twice")
	}
	c := &counted{key: key, last: p.Time}
	s.counted[key] = c
	s.places = append(s.places, c)
	return uint16(len(s.places))
}

func (s *fakeShunt) at(place uint16) *counted {
	c := s.places[place-1]
	if c.freed {
		panic("a place is used after it was freed")
	}
	return c
}

func (s *fakeShunt) Read(place uint16, c *flow.Counted) {
	from := s.at(place)
	*c = from.Counted
	from.Packets, from.Bytes, from.First = [2]uint64{}, [2]uint64{}, 0
}

func (s *fakeShunt) Stop(place uint16) {
	if c := s.at(place); !c.Over {
		s.stop(c)
	}
}

func (s *fakeShunt) Free(place uint16) {
	s.Stop(place)
	s.at(place).freed = true
}

func (s *fakeShunt) Reset() { s.counted = map[string]*counted{} }

// talk makes packets of some connections that pass through bulk, pauses, ends and
// beginnings at random. Times never go back.
type talk struct {
	rnd *rand.Rand
	now int64
}

// next fills p.
func (g *talk) next(p *packet.Packet) {
	r := g.rnd
	switch n := r.Intn(3000); {
	case n == 0:
		g.now += int64(r.Intn(7000)) * int64(time.Millisecond)
	case n < 20:
		g.now += int64(r.Intn(600)) * int64(time.Millisecond)
	default:
		g.now += int64(r.Intn(1500)) * int64(time.Microsecond)
	}
	ends := [2]string{fmt.Sprintf("10.137.0.6:%d", 40000+r.Intn(1+r.Intn(4))), "192.0.2.7:443"}
	from := r.Intn(2)
	*p = pkt(0, []uint8{packet.ProtoTCP, packet.ProtoUDP}[r.Intn(2)], ends[from], ends[1-from])
	p.Time, p.Length, p.HasMAC = g.now, uint32(60+r.Intn(1400)), true
	if p.Proto == packet.ProtoTCP {
		p.TCPFlags = packet.ACK | uint8(r.Intn(2))*packet.PSH
		if r.Intn(300) == 0 {
			p.TCPFlags |= packet.ECE
		}
		if r.Intn(400) == 0 {
			p.TCPFlags = []uint8{packet.SYN, packet.SYN | packet.ACK, packet.FIN | packet.ACK, packet.RST}[r.Intn(4)]
			p.SYNSeq = r.Uint32()
		}
	}
}

// TestTable_shunt compares the records of a table that gets every packet with those of one
// whose shunt counts most of them: interim reports, both timeouts, ends, deltas.
func TestTable_shunt(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name   string
		room   int
		change func(*flow.Config)
	}{
		{"idle", 100, func(c *flow.Config) { c.IdleTimeout = 2 * time.Second }},
		{"interim", 100, func(c *flow.Config) { c.IdleTimeout, c.Period = 5*time.Second, time.Second }},
		{"active", 100, func(c *flow.Config) { c.IdleTimeout, c.ActiveTimeout = 5*time.Second, 3*time.Second }},
		{"everything", 100, func(c *flow.Config) {
			c.IdleTimeout, c.ActiveTimeout, c.Period, c.Linger = 3*time.Second, 9*time.Second, 2*time.Second, time.Second
		}},
		{"delta", 100, func(c *flow.Config) { c.IdleTimeout, c.Period, c.Delta = 5*time.Second, time.Second, true }},
		{"little room", 2, func(c *flow.Config) { c.IdleTimeout, c.Period = 5*time.Second, time.Second }},
	} {
		for seed := range int64(4) {
			t.Run(fmt.Sprintf("%s/%d", s.name, seed), func(t *testing.T) {
				t.Parallel()
				shunt := &fakeShunt{room: s.room}
				every := newMeter(t, s.change)
				few := newMeter(t, s.change, func(c *flow.Config) { c.Shunt, shunt.silence = shunt, int64(c.IdleTimeout/2) })
				compareShunted(t, every, few, shunt, seed)
			})
		}
	}
}

func compareShunted(t *testing.T, every, few *meter, shunt *fakeShunt, seed int64) {
	g, swept, shunted := &talk{rnd: rand.New(rand.NewSource(seed)), now: t0}, int64(0), 0
	var p packet.Packet
	for range 60_000 {
		g.next(&p)
		every.Advance(p.Time)
		few.Advance(p.Time)
		if p.Time-swept > int64(time.Second) {
			swept = p.Time
			few.Sweep()
		}
		every.meter(p)
		if shunt.takes(&p) {
			shunted++
		} else {
			few.meter(p)
		}
	}
	every.Flush(flow.ReasonForced)
	few.Flush(flow.ReasonForced)
	if diff := cmp.Diff(every.records, few.records); diff != "" {
		t.Errorf("records mismatch (-every packet +shunt):\n%s", diff)
	}
	a, b := every.Stats(), few.Stats()
	if b.ShuntedPackets != uint64(shunted) || shunted < 1000 {
		t.Errorf("%d packets in the statistics, %d were shunted; want many", b.ShuntedPackets, shunted)
	}
	b.ShuntedPackets, b.ShuntedBytes = 0, 0
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("statistics mismatch (-every packet +shunt):\n%s", diff)
	}
	if few.Shunted() != 0 || len(shunt.counted) != 0 {
		t.Errorf("%d flows are shunted after the end, %d by the shunt", few.Shunted(), len(shunt.counted))
	}
}

// TestTable_Sweep keeps a flow that has just begun to be counted, and ends the counting of
// one that has become slow.
func TestTable_Sweep(t *testing.T) {
	t.Parallel()
	shunt := &fakeShunt{room: 9, silence: int64(time.Hour)}
	m := newMeter(t, func(c *flow.Config) { c.Shunt = shunt })
	now, counted := time.Duration(0), 0
	bulk := func(n int) {
		for range n {
			now += time.Millisecond
			if p := udp(now, client, server); shunt.takes(&p) {
				counted++
			} else {
				m.meter(p)
			}
		}
	}
	check := func(when string, shunted, most int) {
		t.Helper()
		m.Sweep()
		if m.Shunted() != shunted || counted != most {
			t.Errorf("%s: %d flows are shunted, %d packets; want %d, %d", when, m.Shunted(), counted, shunted, most)
		}
	}
	bulk(66)
	check("just begun", 1, 2)
	bulk(100)
	check("bulk", 1, 102)
	bulk(7)
	check("slow", 1, 109)
	bulk(7)
	check("not counted any more", 0, 109)
}
