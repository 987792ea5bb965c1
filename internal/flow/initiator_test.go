package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

const ms = time.Millisecond

// TestTable_initiator says who a flow's source is, by the first packet seen.
func TestTable_initiator(t *testing.T) {
	t.Parallel()
	const ack = packet.ACK
	tests := []struct {
		name string
		in   []packet.Packet
		want string
	}{
		{"SYN", []packet.Packet{tcp(0, client, server, packet.SYN), tcp(ms, server, client, packet.SYN|ack)},
			"10.137.0.6:40000 > 1.1.1.1:443 6 1/1 forced established"},
		{"SYN from a server port", []packet.Packet{tcp(0, "10.137.0.6:20", "1.1.1.1:40000", packet.SYN)},
			"10.137.0.6:20 > 1.1.1.1:40000 6 1/0 forced syn_sent"},
		{"SYN ACK first", []packet.Packet{tcp(0, server, client, packet.SYN|ack), tcp(ms, client, server, ack)},
			"10.137.0.6:40000 > 1.1.1.1:443 6 1/1 forced established"},
		{"SYN ACK first, lower address is the client",
			[]packet.Packet{tcp(0, "9.9.9.9:443", "1.1.1.1:40000", packet.SYN|ack), tcp(ms, "1.1.1.1:40000", "9.9.9.9:443", ack)},
			"1.1.1.1:40000 > 9.9.9.9:443 6 1/1 forced established"},
		{"midstream, server speaks", []packet.Packet{tcp(0, server, client, ack|packet.PSH)},
			"10.137.0.6:40000 > 1.1.1.1:443 6 0/1 forced midstream"},
		{"midstream, client speaks", []packet.Packet{tcp(0, client, server, ack|packet.PSH)},
			"10.137.0.6:40000 > 1.1.1.1:443 6 1/0 forced midstream"},
		{"midstream, two server ports", []packet.Packet{tcp(0, "1.1.1.1:443", "10.137.0.6:22", ack)},
			"1.1.1.1:443 > 10.137.0.6:22 6 1/0 forced midstream"},
		{"midstream, two high ports", []packet.Packet{tcp(0, "1.1.1.1:8443", "10.137.0.6:40000", ack)},
			"1.1.1.1:8443 > 10.137.0.6:40000 6 1/0 forced midstream"},
		{"midstream, NFS client on 700", []packet.Packet{tcp(0, "10.137.0.6:700", "1.1.1.1:2049", ack)},
			"10.137.0.6:700 > 1.1.1.1:2049 6 1/0 forced midstream"},
		{"midstream, IMAPS", []packet.Packet{tcp(0, "1.1.1.1:993", "10.137.0.6:40000", ack)},
			"10.137.0.6:40000 > 1.1.1.1:993 6 0/1 forced midstream"},
		{"no ports captured", []packet.Packet{noPorts(tcp(0, "1.1.1.1:0", "10.137.0.6:0", 0))},
			"1.1.1.1:0 > 10.137.0.6:0 6 1/0 forced midstream"},
		{"UDP answer first", []packet.Packet{udp(0, "1.1.1.1:53", client), udp(ms, client, "1.1.1.1:53")},
			"1.1.1.1:53 > 10.137.0.6:40000 17 1/1 forced"},
		{"same endpoint on both sides", []packet.Packet{udp(0, "127.0.0.1:5000", "127.0.0.1:5000"), udp(ms, "127.0.0.1:5000", "127.0.0.1:5000")},
			"127.0.0.1:5000 > 127.0.0.1:5000 17 2/0 forced"},
		{"same address, two ports", []packet.Packet{udp(0, "127.0.0.1:6000", "127.0.0.1:5000"), udp(ms, "127.0.0.1:5000", "127.0.0.1:6000")},
			"127.0.0.1:6000 > 127.0.0.1:5000 17 1/1 forced"},
		{"IPv6", []packet.Packet{udp(0, "[fd00::2]:9", "[fd00::1]:9"), udp(ms, "[fd00::1]:9", "[fd00::2]:9")},
			"[fd00::2]:9 > [fd00::1]:9 17 1/1 forced"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			m.want(t, tt.want)
		})
	}
}

func noPorts(p packet.Packet) packet.Packet {
	p.HasL4, p.SrcPort, p.DstPort = false, 0, 0
	return p
}

// TestTable_side follows what belongs to a side: MACs, flags and the way over
// the observation point, when the responder is seen first.
func TestTable_side(t *testing.T) {
	t.Parallel()
	synAck := tcp(0, server, client, packet.SYN|packet.ACK)
	synAck.HasMAC, synAck.SrcMAC, synAck.DstMAC = true, [6]byte{5: 1}, [6]byte{5: 2}
	synAck.Direction, synAck.Length = packet.Outbound, 60
	ack := tcp(ms, client, server, packet.ACK|packet.PSH)
	ack.HasMAC, ack.SrcMAC, ack.DstMAC = true, [6]byte{5: 2}, [6]byte{5: 1}
	ack.Direction, ack.Length = packet.Inbound, 1500
	m := newMeter(t).meter(synAck, ack)
	m.Flush(flow.ReasonForced)
	if len(m.records) != 1 {
		t.Fatalf("%d records; want 1", len(m.records))
	}
	r := m.records[0]
	if r.Source.MAC[5] != 2 || r.Destination.MAC[5] != 1 || !r.HasMAC {
		t.Errorf("MACs = %v, %v; want the client's 2 and the server's 1", r.Source.MAC, r.Destination.MAC)
	}
	if r.FromSource != packet.Inbound {
		t.Errorf("FromSource = %d; want Inbound", r.FromSource)
	}
	if r.Source.TCPFlags != packet.ACK|packet.PSH || r.Destination.TCPFlags != packet.SYN|packet.ACK {
		t.Errorf("flags = %#x, %#x; want 0x18, 0x12", r.Source.TCPFlags, r.Destination.TCPFlags)
	}
	if r.Source.Bytes != 1500 || r.Destination.Bytes != 60 {
		t.Errorf("bytes = %d, %d; want 1500, 60", r.Source.Bytes, r.Destination.Bytes)
	}
	if r.Start != at(0) || r.End != at(ms) || r.Born != at(0) {
		t.Errorf("times = %d, %d, %d; want %d, %d, %d", r.Start, r.End, r.Born, at(0), at(ms), at(0))
	}
}

// TestTable_keys says which packets share a flow.
func TestTable_keys(t *testing.T) {
	t.Parallel()
	base := udp(0, client, server)
	tests := []struct {
		name   string
		change func(*packet.Packet)
		flows  int
	}{
		{"same", func(*packet.Packet) {}, 1},
		{"interface", func(p *packet.Packet) { p.Iface = 2 }, 2},
		{"VLAN", func(p *packet.Packet) { p.VLAN[0], p.VLANs = 7, 1 }, 2},
		{"VLAN 0 is a tag", func(p *packet.Packet) { p.VLANs = 1 }, 2},
		{"protocol", func(p *packet.Packet) { p.Proto = packet.ProtoUDPLite }, 2},
		{"source port", func(p *packet.Packet) { p.SrcPort++ }, 2},
		{"destination port", func(p *packet.Packet) { p.DstPort++ }, 2},
		{"source", func(p *packet.Packet) { p.Src[3]++ }, 2},
		{"family", func(p *packet.Packet) { p.Family = 6 }, 2},
		{"ports swapped alone", func(p *packet.Packet) { p.SrcPort, p.DstPort = p.DstPort, p.SrcPort }, 2},
		{"MAC is not in the key", func(p *packet.Packet) { p.HasMAC, p.SrcMAC[0] = true, 9 }, 1},
		{"direction is not in the key", func(p *packet.Packet) { p.Direction = packet.Outbound }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			other := base
			tt.change(&other)
			m := newMeter(t).meter(base, other)
			if got := m.Stats().Live; got != tt.flows {
				t.Errorf("flows = %d; want %d", got, tt.flows)
			}
		})
	}
}
