package flow_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// in puts p into a tunnel between two addresses.
func in(p packet.Packet, src, dst string, id uint32) packet.Packet {
	p.Outer = packet.Outer{Kind: packet.TunnelVXLAN, ID: id}
	p.Outer.Src, p.Outer.Family = packet.AddrFrom(netip.MustParseAddr(src))
	p.Outer.Dst, _ = packet.AddrFrom(netip.MustParseAddr(dst))
	return p
}

// inNumbered puts p into tunnel n of many.
func inNumbered(p packet.Packet, n uint32) packet.Packet {
	p = in(p, "10.0.0.1", "172.16.0.0", 0)
	binary.BigEndian.PutUint32(p.Outer.Dst[:], 0xac100000+n)
	return p
}

// TestTable_tunnel keeps flows apart by their outer header, the same for both
// directions, and reports it from the initiator's side.
func TestTable_tunnel(t *testing.T) {
	t.Parallel()
	const left, right = "192.0.2.1", "192.0.2.9"
	out, back := udp(0, client, server), udp(ms, server, client)
	synAck := tcp(0, server, client, packet.SYN|packet.ACK)
	ack := tcp(ms, client, server, packet.ACK)
	tests := []struct {
		name string
		in   []packet.Packet
		want [][2]string // outer source and destination, "" without a tunnel
	}{
		{"low to high", []packet.Packet{in(out, left, right, 1), in(back, right, left, 1)}, [][2]string{{left, right}}},
		{"high to low", []packet.Packet{in(out, right, left, 1), in(back, left, right, 1)}, [][2]string{{right, left}}},
		{"responder first, low to high", []packet.Packet{in(synAck, left, right, 1), in(ack, right, left, 1)}, [][2]string{{right, left}}},
		{"responder first, high to low", []packet.Packet{in(synAck, right, left, 1), in(ack, left, right, 1)}, [][2]string{{left, right}}},
		{"other id", []packet.Packet{in(out, left, right, 1), in(out, left, right, 2)}, [][2]string{{left, right}, {left, right}}},
		{"none and one", []packet.Packet{out, in(out, left, right, 1)}, [][2]string{{"", ""}, {left, right}}},
		{"two flows in one", []packet.Packet{in(out, left, right, 1), in(udp(0, client, "9.9.9.9:53"), left, right, 1)},
			[][2]string{{left, right}, {left, right}}},
		{"stale header of the packet before", []packet.Packet{in(out, left, right, 1), stale(in(back, right, left, 1))},
			[][2]string{{left, right}, {"", ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			var got [][2]string
			for _, r := range m.records {
				if r.Outer.Kind == packet.TunnelNone {
					got = append(got, [2]string{})
					continue
				}
				got = append(got, [2]string{r.Outer.Src.Netip(r.Outer.Family).String(), r.Outer.Dst.Netip(r.Outer.Family).String()})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("outer headers mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// stale leaves in p what Decode leaves of the packet before: addresses, no kind.
func stale(p packet.Packet) packet.Packet {
	p.Outer.Kind, p.Outer.ID = packet.TunnelNone, 0
	return p
}

// TestAttack05_tunnels_full fills the tunnels of one interface. A packet in a further
// one is metered as a packet of the tunnel, so that its outer address is known, and the
// tunnels of other interfaces have their place.
func TestAttack05_tunnels_full(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 100_000 })
	for i := range uint32(20_000) {
		m.meter(inNumbered(numbered(time.Duration(i), 1, 1000), i))
	}
	secret := in(tcp(sec, "10.137.0.6:2222", "93.184.216.34:443", packet.SYN), "10.137.0.6", "203.0.113.99", 77)
	secret.Outer.Proto, secret.Outer.SrcPort, secret.Outer.DstPort = packet.ProtoUDP, 7777, packet.PortVXLAN
	other := in(udp(sec, client, server), "10.137.0.7", "198.51.100.50", 1)
	other.Iface = 2
	m.meter(secret, other)
	m.Flush(flow.ReasonForced)
	hidden, beside := m.records[len(m.records)-2], m.records[len(m.records)-1]
	if got := line(&hidden); got != "10.137.0.6:7777 > 203.0.113.99:4789 17 1/0 forced" || hidden.Outer.Kind != packet.TunnelNone {
		t.Errorf("the further tunnel is reported as %s; want its outer addresses", got)
	}
	if got := line(&beside); got != "10.137.0.6:40000 > 1.1.1.1:443 17 1/0 forced" || beside.Outer.Kind != packet.TunnelVXLAN {
		t.Errorf("the tunnel on the other interface is reported as %s in %v", got, beside.Outer)
	}
	if packets, _ := sums(m.records); packets != 20_002 || m.Stats().TunnelsFull != 20_001-4096 {
		t.Errorf("%d packets, %d of tunnels without a place", packets, m.Stats().TunnelsFull)
	}
}

// TestTable_tunnel_ports reports the ports of the outer header from the initiator's
// side, and keeps no flows apart by them.
func TestTable_tunnel_ports(t *testing.T) {
	t.Parallel()
	ports := func(p packet.Packet, src uint16) packet.Packet {
		p.Outer.SrcPort, p.Outer.DstPort = src, packet.PortVXLAN
		return p
	}
	m := newMeter(t).meter(ports(in(udp(0, client, server), "192.0.2.1", "192.0.2.9", 1), 5000),
		ports(in(udp(ms, server, client), "192.0.2.9", "192.0.2.1", 1), 6000))
	m.Flush(flow.ReasonForced)
	if len(m.records) != 1 || m.records[0].Outer.SrcPort != 5000 || m.records[0].Outer.DstPort != packet.PortVXLAN {
		t.Errorf("records = %+v; want one with the ports 5000 and 4789", m.records)
	}
}

// TestTable_tunnelsFull meters the packets of more than 4096 tunnels at one interface
// as their tunnels, counts them, and takes tunnels again when old ones are gone.
func TestTable_tunnelsFull(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.MaxFlows = 10_000 })
	const n = 5000
	for i := range uint32(n) {
		m.meter(inNumbered(numbered(time.Duration(i), 1, i), i))
	}
	if got := m.Stats().TunnelsFull; got != n-4096 {
		t.Errorf("TunnelsFull = %d; want %d", got, n-4096)
	}
	m.Flush(flow.ReasonForced)
	if with := outers(m.records); with != 4096 {
		t.Errorf("%d records with an outer header; want 4096", with)
	}
	if packets, _ := sums(m.records); packets != n {
		t.Errorf("%d packets; want %d", packets, n)
	}
	m.records = nil
	for i := range uint32(4096) {
		m.meter(inNumbered(numbered(sec, 1, i), n+i))
	}
	m.Flush(flow.ReasonForced)
	if with := outers(m.records); with != 4096 || m.Stats().TunnelsFull != n-4096 {
		t.Errorf("%d records with an outer header, %d full; want all 4096 tunnels to be free again", with, m.Stats().TunnelsFull)
	}
}

func outers(records []flow.Record) (n int) {
	for i := range records {
		if records[i].Outer.Kind != packet.TunnelNone {
			n++
		}
	}
	return n
}

// TestTable_tunnelChurn lets many more tunnels come and go than have a place, by
// every way in which a flow can end. Each record still names its own.
func TestTable_tunnelChurn(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.IdleTimeout, c.MaxFlows = sec, 300 })
	const n = 20_000
	for i := range uint32(n) {
		when := time.Duration(i) * 2 * ms
		p := numbered(when, 1, i%1000)
		if i%3 == 0 { // a SYN on the ports of a closed connection, in the same tunnel
			p.Proto, p.TCPFlags = packet.ProtoTCP, packet.RST
			m.meter(inNumbered(p, i))
			p.TCPFlags = packet.SYN
		}
		m.meter(inNumbered(p, i))
		if i%5000 == 0 {
			m.Flush(flow.ReasonForced)
		}
	}
	m.Flush(flow.ReasonForced)
	if got := m.Stats().TunnelsFull; got != 0 {
		t.Errorf("TunnelsFull = %d; want 0: never more than 300 live", got)
	}
	seen := map[uint32]bool{}
	for i := range m.records {
		r := &m.records[i]
		id := binary.BigEndian.Uint32(r.Outer.Dst[:4]) - 0xac100000
		seen[id] = true
		if uint32(r.Source.Port) != id%1000 {
			t.Fatalf("flow %d is reported in tunnel %d", r.Source.Port, id)
		}
	}
	if len(seen) != n {
		t.Errorf("%d tunnels in the records; want %d", len(seen), n)
	}
}
