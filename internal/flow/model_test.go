package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// conversation is what the naive model distinguishes: who sends to whom, and where.
// Ports are left out, because later fragments may or may not get theirs.
type conversation struct {
	src, dst packet.Addr
	outer    packet.Outer // lower address first: random packets do not turn it round with the direction
	vlan     [2]uint16
	iface    uint32
	vlans    uint8
	family   uint8
	proto    uint8
}

// volume counts packets and bytes.
type volume struct{ Packets, Bytes uint64 }

// model sums by conversation, with a plain map.
type model map[conversation]volume

func (m model) add(c conversation, packets, bytes uint64) {
	if packets == 0 && bytes == 0 {
		return
	}
	v := m[c]
	m[c] = volume{v.Packets + packets, v.Bytes + bytes}
}

// sent counts a packet.
func (m model) sent(p *packet.Packet) {
	c := conversation{src: p.Src, dst: p.Dst, vlan: p.VLAN, vlans: p.VLANs, iface: p.Iface, family: p.Family, proto: p.Proto}
	if p.Outer.Kind != packet.TunnelNone {
		c.outer = ordered(p.Outer)
	}
	m.add(c, 1, uint64(p.Length))
}

// reported counts a record.
func (m model) reported(r *flow.Record) {
	c := conversation{src: r.Source.Addr, dst: r.Destination.Addr, outer: ordered(r.Outer), vlan: r.VLAN, vlans: r.VLANs,
		iface: r.Iface, family: r.Family, proto: r.Proto}
	m.add(c, r.Source.Packets, r.Source.Bytes)
	c.src, c.dst = c.dst, c.src
	m.add(c, r.Destination.Packets, r.Destination.Bytes)
}

func ordered(o packet.Outer) packet.Outer {
	if o.Src.Compare(&o.Dst) > 0 {
		o.Src, o.Dst = o.Dst, o.Src
	}
	return o
}

// compare reports the first of the conversations that differ.
func (m model) compare(tb testing.TB, got model) {
	tb.Helper()
	shown := 0
	for _, pair := range [2][2]model{{m, got}, {got, m}} {
		for c := range pair[0] {
			if m[c] != got[c] && shown < 5 {
				shown++
				tb.Errorf("%+v: %+v in the records; want %+v", c, got[c], m[c])
			}
		}
	}
}

// shapes are the settings under which the conservation is tested.
var shapes = []struct {
	name   string
	change func(*flow.Config)
}{
	{"large", func(c *flow.Config) { c.MaxFlows = 100_000 }},
	{"full", func(c *flow.Config) { c.MaxFlows = 40 }},
	{"one flow", func(c *flow.Config) { c.MaxFlows = 1 }},
	{"short timeouts", func(c *flow.Config) { c.IdleTimeout, c.ActiveTimeout, c.Linger = sec, 3*sec, 100*ms }},
	{"everything", func(c *flow.Config) {
		c.IdleTimeout, c.ActiveTimeout, c.Period, c.MaxFlows = 5*sec, 20*sec, 2*sec, 500
	}},
}

// TestTable_conservation compares the final records of random traffic with a sum
// over its packets: nothing lost, nothing counted twice, and every packet with
// the host that sent it.
func TestTable_conservation(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		for seed := range int64(3) {
			t.Run(fmt.Sprintf("%s/%d", s.name, seed), func(t *testing.T) {
				t.Parallel()
				want, got := model{}, model{}
				m := newMeter(t, s.change)
				g := newTraffic(seed)
				var p packet.Packet
				for i := range 60_000 {
					g.packet(&p)
					want.sent(&p)
					m.Update(&p)
					if i%9973 == 0 {
						m.Flush(flow.ReasonForced)
					}
				}
				m.Flush(flow.ReasonForced)
				checkRecords(t, m.records)
				for i := range m.records {
					if r := &m.records[i]; r.Final() {
						got.reported(r)
					}
				}
				want.compare(t, got)
				checkStats(t, m)
			})
		}
	}
}

// checkRecords checks what is true of every record.
func checkRecords(tb testing.TB, records []flow.Record) {
	tb.Helper()
	for i := range records {
		r := &records[i]
		packets := r.Source.Packets + r.Destination.Packets
		switch {
		case r.Start > r.End:
			tb.Fatalf("record ends before it starts: %+v", r)
		case packets == 0:
			tb.Fatalf("record without a packet: %+v", r)
		case (r.State != flow.StateNone) != (r.Proto == packet.ProtoTCP):
			tb.Fatalf("state %q of protocol %d", r.State, r.Proto)
		}
	}
}

// checkStats checks the balance of the counters after a flush.
func checkStats(tb testing.TB, m *meter) {
	tb.Helper()
	s := m.Stats()
	packets, bytes := sums(m.records)
	if s.Live != 0 || s.Packets != packets || s.Bytes != bytes {
		tb.Errorf("Stats = %+v; want none live, %d packets, %d bytes", s, packets, bytes)
	}
	var byReason [flow.Reasons]uint64
	for i := range m.records {
		byReason[m.records[i].Reason]++
	}
	if s.Records != byReason {
		tb.Errorf("Stats.Records = %v; want %v", s.Records, byReason)
	}
}

// TestTable_deltaConservation conserves, too, over records of all kinds.
func TestTable_deltaConservation(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.IdleTimeout, c.ActiveTimeout, c.Period, c.Delta = 5*sec, 20*sec, 2*sec, true })
	g := newTraffic(1)
	want, got := model{}, model{}
	var p packet.Packet
	for range 60_000 {
		g.packet(&p)
		want.sent(&p)
		m.Update(&p)
	}
	m.Flush(flow.ReasonForced)
	for i := range m.records {
		got.reported(&m.records[i])
	}
	want.compare(t, got)
}

// TestTable_deterministic gives the same records in the same order whatever the
// seed of the hash is.
func TestTable_deterministic(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var runs [][]flow.Record
			for _, seed := range []uint64{1, 1 << 40, 0} {
				m := newMeter(t, s.change, func(c *flow.Config) { c.Seed = seed })
				g := newTraffic(7)
				var p packet.Packet
				for range 20_000 {
					g.packet(&p)
					m.Update(&p)
				}
				m.Flush(flow.ReasonForced)
				runs = append(runs, m.records)
			}
			for _, run := range runs[1:] {
				if !slices.Equal(runs[0], run) {
					t.Errorf("%d and %d records differ between seeds; want the same", len(runs[0]), len(run))
				}
			}
		})
	}
}
