package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// pieces returns the first and a later fragment of one datagram.
func pieces(when time.Duration, whole packet.Packet, id uint32) (first, later packet.Packet) {
	whole.Time = at(when)
	first = whole
	first.Fragment, first.FragID = packet.FragmentFirst, id
	later = whole
	later.Time += int64(ms)
	later.Fragment, later.FragID, later.HasL4 = packet.FragmentLater, id, false
	later.SrcPort, later.DstPort, later.TCPFlags = 0, 0, 0
	later.ICMPType, later.ICMPCode, later.ICMPID = 0, 0, 0
	return first, later
}

// TestTable_fragments gives later fragments the ports of their first one.
func TestTable_fragments(t *testing.T) {
	t.Parallel()
	first, later := pieces(0, udp(0, client, server), 77)
	with := func(p packet.Packet, change func(*packet.Packet)) packet.Packet { change(&p); return p }
	const noPort = "10.137.0.6:0 > 1.1.1.1:0 17 1/0 forced"
	back, backLater := pieces(2*ms, udp(0, server, client), 77)
	ping, pingLater := pieces(0, icmp(0, pinged, pinger, 0, 0, 7), 5)
	six, sixLater := pieces(0, udp(0, "[fd00::1]:9", "[fd00::2]:9"), 1<<31)
	tests := []struct {
		name string
		in   []packet.Packet
		want []string
	}{
		{"in order", []packet.Packet{first, later, later}, []string{flow17 + "3/0 forced"}},
		{"both directions", []packet.Packet{first, back, later, backLater}, []string{flow17 + "2/2 forced"}},
		{"later one first", []packet.Packet{later, first, later}, []string{noPort, flow17 + "2/0 forced"}},
		{"other id", []packet.Packet{first, with(later, func(p *packet.Packet) { p.FragID++ })}, []string{flow17 + "1/0 forced", noPort}},
		{"other source", []packet.Packet{first, with(later, func(p *packet.Packet) { p.Src[3]++ })},
			[]string{flow17 + "1/0 forced", "10.137.0.7:0 > 1.1.1.1:0 17 1/0 forced"}},
		{"other interface", []packet.Packet{first, with(later, func(p *packet.Packet) { p.Iface++ })}, []string{flow17 + "1/0 forced", noPort}},
		{"other protocol", []packet.Packet{first, with(later, func(p *packet.Packet) { p.Proto = 132 })},
			[]string{flow17 + "1/0 forced", "10.137.0.6:0 > 1.1.1.1:0 132 1/0 forced"}},
		{"within 30 s", []packet.Packet{first, with(later, func(p *packet.Packet) { p.Time = at(30 * sec) })}, []string{flow17 + "2/0 forced"}},
		{"ICMP", []packet.Packet{ping, pingLater}, []string{"10.137.0.6:0 > 1.1.1.1:0 1 0/2 forced"}},
		{"IPv6", []packet.Packet{six, sixLater}, []string{"[fd00::1]:9 > [fd00::2]:9 17 2/0 forced"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			m.want(t, tt.want...)
		})
	}
}

// TestTable_fragmentsExpire forgets a first fragment after the reassembly time:
// the identifier may be another datagram's by then.
func TestTable_fragmentsExpire(t *testing.T) {
	t.Parallel()
	first, later := pieces(0, udp(0, client, server), 77)
	later.Time = at(30*sec + 1)
	m := newMeter(t, func(c *flow.Config) { c.IdleTimeout = time.Hour }).meter(first, later)
	m.Flush(flow.ReasonForced)
	m.want(t, flow17+"1/0 forced", "10.137.0.6:0 > 1.1.1.1:0 17 1/0 forced")
}

// TestTable_fragmentAlone takes the sender of a later fragment for the source,
// also for ICMP: there is no type to decide otherwise.
func TestTable_fragmentAlone(t *testing.T) {
	t.Parallel()
	_, later := pieces(0, icmp(0, pinger, pinged, 8, 0, 7), 5)
	m := newMeter(t).meter(later)
	m.Flush(flow.ReasonForced)
	m.want(t, "10.137.0.6:0 > 1.1.1.1:0 1 1/0 forced")
}

// TestTable_fragmentFlood keeps a datagram's ports unless its very place is
// taken: a flood by one pair of hosts hits few places of the others. Nothing is
// lost in any case.
func TestTable_fragmentFlood(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 100_000 })
	n := uint64(0)
	for i := range uint32(5000) {
		first, later := pieces(time.Duration(i), udp(0, client, server), i)
		m.meter(first, later)
		n += 2
	}
	m.Flush(flow.ReasonForced)
	m.want(t, flow17+"10000/0 forced")
}

// TestAttack01_fragment_ports floods one interface with first fragments: those of another
// interface keep the ports of theirs.
func TestAttack01_fragment_ports(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 100_000 })
	first, later := pieces(0, udp(0, client, server), 77)
	m.meter(first)
	for i := range uint32(5000) {
		other, _ := pieces(0, udp(0, "10.137.0.9:4000", server), i)
		other.Iface = 2
		other.Src[3] = byte(i)
		m.meter(other)
	}
	m.meter(later)
	m.Flush(flow.ReasonForced)
	if got := line(&m.records[0]); got != flow17+"2/0 forced" {
		t.Errorf("%s; want both fragments in one flow", got)
	}
}

// TestTable_fragments_tunnel has the fragments of a tunnel's datagram be those of the packet inside,
// whose ports only the first one has.
func TestTable_fragments_tunnel(t *testing.T) {
	t.Parallel()
	whole := tcp(0, client, server, packet.ACK)
	whole.Outer = packet.Outer{Kind: packet.TunnelVXLAN, Family: 4, ID: 7, Proto: packet.ProtoUDP, SrcPort: 5000, DstPort: packet.PortVXLAN}
	whole.Outer.Src, whole.Outer.Dst = whole.Dst, whole.Src // anything that is not inside
	first := whole
	first.OuterFragID = 77
	_, later := pieces(0, udp(0, server, client), 77)
	inner, innerLater := pieces(2*ms, whole, 5)
	inner.OuterFragID = 78
	_, outerLater := pieces(3*ms, udp(0, server, client), 78)
	const is = "10.137.0.6:40000 > 1.1.1.1:443 6 "
	for name, tt := range map[string]struct {
		in   []packet.Packet
		want []string
	}{
		"in order":              {[]packet.Packet{first, later, later}, []string{is + "3/0 forced midstream"}},
		"the later one first":   {[]packet.Packet{later, first, later}, []string{"1.1.1.1:0 > 10.137.0.6:0 17 1/0 forced", is + "2/0 forced midstream"}},
		"another datagram":      {[]packet.Packet{whole, later}, []string{is + "1/0 forced midstream", "1.1.1.1:0 > 10.137.0.6:0 17 1/0 forced"}},
		"a fragment in another": {[]packet.Packet{inner, outerLater, innerLater}, []string{is + "3/0 forced midstream"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			for i := range m.records {
				if r := &m.records[i]; r.Proto == packet.ProtoTCP && (r.Outer.Kind != packet.TunnelVXLAN || r.Outer.SrcPort != 5000) {
					t.Errorf("outer header %+v", r.Outer)
				}
			}
			m.want(t, tt.want...)
		})
	}
}
