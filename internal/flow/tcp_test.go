package flow_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

const (
	fin = packet.FIN | packet.ACK
	rst = packet.RST
)

// finished returns a connection with FIN from both sides, its last packet at
// when+5 ms.
func finished(when time.Duration) []packet.Packet {
	return append(handshake(when, client, server), tcp(when+3*ms, client, server, fin),
		tcp(when+4*ms, server, client, fin), tcp(when+5*ms, client, server, packet.ACK))
}

func TestTable_tcpState(t *testing.T) {
	t.Parallel()
	open := func(more ...packet.Packet) []packet.Packet { return append(handshake(0, client, server), more...) }
	tests := []struct {
		name string
		in   []packet.Packet
		want string
	}{
		{"SYN", []packet.Packet{tcp(0, client, server, packet.SYN)}, "1/0 forced syn_sent"},
		{"refused", []packet.Packet{tcp(0, client, server, packet.SYN), tcp(ms, server, client, rst|packet.ACK)}, "1/1 end refused"},
		{"open", open(), "2/1 forced established"},
		{"one FIN", open(tcp(3*ms, client, server, fin)), "3/1 forced half_closed"},
		{"FIN FIN", finished(0), "4/2 end closed"},
		{"RST of the client", open(tcp(3*ms, client, server, rst)), "3/1 end reset"},
		{"RST of the server", open(tcp(3*ms, server, client, rst|packet.ACK)), "2/2 end reset"},
		{"client gives up", []packet.Packet{tcp(0, client, server, packet.SYN), tcp(ms, client, server, rst)}, "2/0 end reset"},
		{"midstream", []packet.Packet{tcp(0, client, server, packet.ACK)}, "1/0 forced midstream"},
		{"RST alone", []packet.Packet{tcp(0, client, server, rst)}, "1/0 end reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			m.want(t, "10.137.0.6:40000 > 1.1.1.1:443 6 "+tt.want)
		})
	}
}

func TestTable_tcpCounts(t *testing.T) {
	t.Parallel()
	m := newMeter(t)
	for i := range 300 {
		m.meter(tcp(time.Duration(i)*ms, client, server, packet.SYN))
	}
	for i := range 300 {
		m.meter(tcp(time.Second+time.Duration(i)*ms, server, client, rst))
	}
	m.Flush(flow.ReasonForced)
	if len(m.records) != 1 || m.records[0].SynCount != 255 || m.records[0].RSTCount != 255 {
		t.Errorf("records = %+v; want one with both counts at 255", m.records)
	}
}

// TestTable_linger ends a closed connection after the linger time, long before
// the idle timeout, with everything that came in between.
func TestTable_linger(t *testing.T) {
	t.Parallel()
	const tick = 30 * time.Second / 64 // how coarse the wheel may be
	for _, tt := range []struct {
		name   string
		linger time.Duration
		close  []packet.Packet
		late   []time.Duration // after the close
		end    time.Duration   // of the linger time
		want   string
	}{
		{"FIN, nothing late", 0, finished(0), nil, 5*ms + flow.DefaultLinger, "4/2 end closed"},
		{"FIN, late ACK", 0, finished(0), []time.Duration{time.Second}, time.Second + flow.DefaultLinger, "4/3 end closed"},
		{"FIN, late ones one after the other", 0, finished(0), []time.Duration{4 * time.Second, 8 * time.Second},
			8*time.Second + flow.DefaultLinger, "4/4 end closed"},
		{"RST", 0, append(handshake(0, client, server), tcp(5*ms, client, server, rst)),
			[]time.Duration{10 * ms, 20 * ms}, 20*ms + flow.DefaultLinger, "3/3 end reset"},
		{"own linger", 2 * time.Second, finished(0), nil, 5*ms + 2*time.Second, "4/2 end closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t, func(c *flow.Config) { c.Linger = tt.linger }).meter(tt.close...)
			for _, d := range tt.late {
				m.meter(tcp(d, server, client, packet.ACK))
			}
			m.Advance(at(tt.end))
			m.want(t)
			m.Advance(at(tt.end + 2*tick))
			m.want(t, "10.137.0.6:40000 > 1.1.1.1:443 6 "+tt.want)
		})
	}
}

// TestTable_lingerBounded keeps the default linger below the idle timeout.
func TestTable_lingerBounded(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.IdleTimeout = time.Second }).meter(finished(0)...)
	m.Advance(at(1200 * ms))
	m.want(t, "10.137.0.6:40000 > 1.1.1.1:443 6 4/2 end closed")
}

// numberedSYN is a SYN with a sequence number; those of handshake have 0.
func numberedSYN(when time.Duration, seq uint32) packet.Packet {
	p := tcp(when, client, server, packet.SYN)
	p.SYNSeq = seq
	return p
}

// TestTable_repeatedSYN takes a SYN that is repeated after the handshake for a part of
// the connection, as often as it comes, and one with another sequence number not.
func TestTable_repeatedSYN(t *testing.T) {
	t.Parallel()
	open := []packet.Packet{numberedSYN(0, 5), tcp(ms, server, client, packet.SYN|packet.ACK), tcp(2*ms, client, server, packet.ACK)}
	again := numberedSYN(10*ms, 5)
	data := tcp(20*ms, server, client, packet.PSH|packet.ACK)
	closed := []packet.Packet{tcp(30*ms, client, server, fin), tcp(31*ms, server, client, fin)}
	tests := []struct {
		name string
		in   []packet.Packet
		want []string // without the endpoints
	}{
		{"once", append(open[:3:3], again), []string{"3/1 forced established"}},
		{"twice, with data between", append(open[:3:3], again, data, numberedSYN(25*ms, 5)), []string{"4/2 forced established"}},
		{"after a FIN and a FIN", append(open[:3:3], closed[0], closed[1], numberedSYN(40*ms, 5)), []string{"3/2 end closed", "1/0 forced syn_sent"}},
		{"after a reset", append(open[:3:3], tcp(30*ms, server, client, rst), numberedSYN(40*ms, 5)), []string{"2/2 end reset", "1/0 forced syn_sent"}},
		{"with another number", append(open[:3:3], numberedSYN(10*ms, 6)), []string{"2/1 end established", "1/0 forced syn_sent"}},
		{"of the second connection", append(open[:3:3], numberedSYN(10*ms, 6), tcp(11*ms, server, client, packet.SYN|packet.ACK),
			tcp(12*ms, client, server, packet.ACK), numberedSYN(13*ms, 6)), []string{"2/1 end established", "3/1 forced established"}},
		{"retransmitted with another number before the answer", []packet.Packet{numberedSYN(0, 5), numberedSYN(ms, 6),
			tcp(2*ms, server, client, packet.SYN|packet.ACK), tcp(3*ms, client, server, packet.ACK), numberedSYN(4*ms, 6)},
			[]string{"4/1 forced established"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			for i, want := range tt.want {
				tt.want[i] = "10.137.0.6:40000 > 1.1.1.1:443 6 " + want
			}
			m.want(t, tt.want...)
		})
	}
}

// TestTable_reopen says when a SYN opens a new flow on the ports of an old one.
func TestTable_reopen(t *testing.T) {
	t.Parallel()
	syn := func(d time.Duration) packet.Packet { return tcp(d, client, server, packet.SYN) }
	tests := []struct {
		name string
		in   []packet.Packet
		want []string // without the endpoints
	}{
		{"after FIN", append(finished(0), syn(10*ms)), []string{"4/2 end closed", "1/0 forced syn_sent"}},
		{"after RST", append(handshake(0, client, server), tcp(5*ms, server, client, rst), syn(10*ms)),
			[]string{"2/2 end reset", "1/0 forced syn_sent"}},
		{"after refusal", []packet.Packet{syn(0), tcp(ms, server, client, rst|packet.ACK), syn(2 * ms)},
			[]string{"1/1 end refused", "1/0 forced syn_sent"}},
		{"at the time of the last packet", append(finished(0), syn(5*ms)), []string{"4/2 end closed", "1/0 forced syn_sent"}},
		{"open, answered", append(handshake(0, client, server), numberedSYN(10*ms, 7)),
			[]string{"2/1 end established", "1/0 forced syn_sent"}},
		{"midstream, answered", []packet.Packet{tcp(0, client, server, packet.ACK), tcp(ms, server, client, packet.ACK), syn(2 * ms)},
			[]string{"1/1 end midstream", "1/0 forced syn_sent"}},
		{"retransmitted", []packet.Packet{syn(0), syn(time.Second), syn(3 * time.Second)}, []string{"3/0 forced syn_sent"}},
		{"retransmitted, answer on the way", []packet.Packet{syn(0), tcp(ms, server, client, packet.SYN|packet.ACK), syn(2 * ms)},
			[]string{"2/1 forced established"}},
		{"retransmitted SYN ACK", append(handshake(0, client, server), tcp(10*ms, server, client, packet.SYN|packet.ACK)),
			[]string{"2/2 forced established"}},
		{"late copy on a closed flow", append(finished(0), syn(4*ms)), []string{"5/2 end closed"}},
		{"late copy on an open flow", append(handshake(0, client, server), syn(ms)), []string{"3/1 forced established"}},
		{"SYN with RST", append(finished(0), tcp(10*ms, client, server, packet.SYN|rst)), []string{"5/2 end reset"}},
		{"SYN of the other side", append(finished(0), tcp(10*ms, server, client, packet.SYN)),
			[]string{"4/2 end closed", "server 1/0 forced syn_sent"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			var want []string
			for _, w := range tt.want {
				if len(w) > 6 && w[:6] == "server" {
					want = append(want, "1.1.1.1:443 > 10.137.0.6:40000 6"+w[6:])
					continue
				}
				want = append(want, "10.137.0.6:40000 > 1.1.1.1:443 6 "+w)
			}
			m.want(t, want...)
		})
	}
}
