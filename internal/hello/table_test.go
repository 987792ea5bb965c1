package hello_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/hello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestTable_Packet reads the ClientHello of one connection.
func TestTable_Packet(t *testing.T) {
	t.Parallel()
	tls, quic := tlsHello(t, "one.example"), quicHello(t, "one.example")
	half := len(tls) / 2
	a, b := segment(0, 101, tls[:half]), segment(1, uint32(101+half), tls[half:])
	late := func(s sent, at int) sent { s.at = at; return s }
	syn := segment(0, 100, nil)
	syn.flags = packet.SYN
	const wrap = 0xffff_fff0
	tests := []struct {
		name, want string
		in         []sent
		stats      hello.Stats
	}{
		{"one segment", "one.example", []sent{syn, segment(0, 101, tls)}, hello.Stats{Read: 1, Known: 1}},
		{"two segments", "one.example", []sent{a, b}, hello.Stats{Read: 1, Known: 1}},
		{"two, the first repeated", "one.example", []sent{a, a, b}, hello.Stats{Read: 1, Known: 1}},
		{"two, over the end of the sequence numbers", "one.example", []sent{segment(0, wrap, tls[:half]),
			segment(0, wrap+uint32(half), tls[half:])}, hello.Stats{Read: 1, Known: 1}},
		{"three, the last two overtaken", "one.example", []sent{segment(0, 101, tls[:50]), segment(1, 151, tls[50:][:50]),
			segment(1, 251, tls[150:]), segment(2, 201, tls[100:150])}, hello.Stats{Read: 1, Known: 1}},
		{"two, with an answer between them", "one.example", []sent{a, back(segment(0, 9, []byte("x"))), b}, hello.Stats{Read: 1, Known: 1}},
		{"byte by byte", "one.example", bytewise(tls), hello.Stats{Read: 1, Known: 1}},
		{"the first alone", "-", []sent{a}, hello.Stats{}},
		{"the second alone", "-", []sent{b}, hello.Stats{}},
		{"server first", "one.example", []sent{back(segment(0, 9, []byte("220 mail.example ESMTP"))), segment(1, 101, tls)},
			hello.Stats{Read: 1, Known: 1}},
		{"other data first, as STARTTLS has it", "one.example", []sent{segment(0, 101, []byte("EHLO")), segment(1, 105, tls)},
			hello.Stats{Read: 1, Known: 1}},
		{"no ClientHello", "-", []sent{segment(0, 101, []byte("GET / HTTP/1.1\r\n\r\n"))}, hello.Stats{}},
		{"a malformed record", "-", []sent{segment(0, 101, append([]byte{22, 3, 1, 0, 60, 1, 0, 0, 56, 9, 9}, make([]byte, 60)...))},
			hello.Stats{Failed: 1}},
		{"QUIC", "one.example", []sent{datagram(0, quicInitial(t, 0, quic, 0, len(quic)))}, hello.Stats{Read: 1, Known: 1}},
		{"QUIC in two datagrams", "one.example", []sent{datagram(0, quicInitial(t, 0, quic, 0, 99)),
			datagram(1, quicInitial(t, 1, quic, 99, len(quic)))}, hello.Stats{Read: 1, Known: 1}},
		{"QUIC in two datagrams, turned around", "one.example", []sent{datagram(0, quicInitial(t, 1, quic, 99, len(quic))),
			datagram(1, quicInitial(t, 0, quic, 0, 99))}, hello.Stats{Read: 1, Known: 1}},
		{"QUIC, repeated", "one.example", []sent{datagram(0, quicInitial(t, 0, quic, 0, len(quic))),
			datagram(900, quicInitial(t, 1, quic, 0, len(quic)))}, hello.Stats{Read: 1, Known: 1}},
		{"QUIC of a server", "-", []sent{back(datagram(0, quicInitial(t, 0, quic, 0, 99))), datagram(1, quicInitial(t, 1, quic, 99, len(quic)))},
			hello.Stats{}},
		{"datagram of DNS", "-", []sent{datagram(0, []byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"))}, hello.Stats{}},
		{"gap that is never filled", "-", []sent{segment(0, 101, tls[:50]), late(segment(0, 201, tls[100:]), 1)}, hello.Stats{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := hello.New()
			read(t, b, tt.in...)
			at := tt.in[0]
			if diff := cmp.Diff(tt.stats, b.Stats()); diff != "" {
				t.Errorf("Stats mismatch (-want +got):\n%s", diff)
			}
			if got := name(b, record(t, at, 0, 60000, flow.ReasonNone)); got != tt.want {
				t.Errorf("name = %q; want %q", got, tt.want)
			}
			if got := name(b, record(t, back(at), 0, 60000, flow.ReasonIdle)); got != tt.want {
				t.Errorf("name in the other direction = %q; want %q", got, tt.want)
			}
			if s := b.Stats(); s.Known != 0 {
				t.Errorf("%d ClientHellos are known when the flow has ended; want none", s.Known)
			}
		})
	}
}

// bytewise sends a byte in each segment.
func bytewise(data []byte) (all []sent) {
	for i := range data {
		all = append(all, segment(i, uint32(101+i), data[i:i+1]))
	}
	return all
}

// TestTable_ServerName finds the latest name between two endpoints, and forgets nothing.
func TestTable_ServerName(t *testing.T) {
	t.Parallel()
	b := hello.New()
	any := segment(0, 0, nil)
	ends := func(s side) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s.addr), s.port) }
	for i := range 2 {
		read(t, b, segment(10000*i, uint32(7+1000*i), tlsHello(t, fmt.Sprintf("%d.example", i))))
	}
	for range 2 {
		if got := b.ServerName(any.iface, packet.ProtoTCP, ends(any.src), ends(any.dst)); got != "1.example" {
			t.Errorf("ServerName = %q; want 1.example", got)
		}
	}
	if got := b.ServerName(any.iface+1, packet.ProtoTCP, ends(any.src), ends(any.dst)); got != "" {
		t.Errorf("ServerName on another interface = %q", got)
	}
	if got := b.ServerName(any.iface, packet.ProtoUDP, ends(any.src), ends(any.dst)); got != "" {
		t.Errorf("ServerName of another protocol = %q", got)
	}
}

// TestTable_ForRecord finds the ClientHello of a flow among those of other
// connections on the same ports.
func TestTable_ForRecord(t *testing.T) {
	t.Parallel()
	b := hello.New()
	for i := range 3 {
		read(t, b, segment(10000*i, uint32(7+1000*i), tlsHello(t, fmt.Sprintf("%d.example", i))))
	}
	any := segment(0, 0, nil)
	other := any
	other.iface = 7
	tests := []struct {
		name     string
		r        *flow.Record
		want     string
		known    uint64
		interims int
	}{
		{"other interface", record(t, other, 0, 99000, flow.ReasonEnd), "-", 3, 0},
		{"other protocol", record(t, datagram(0, nil), 0, 99000, flow.ReasonEnd), "-", 3, 0},
		{"before", record(t, any, -5000, -1, flow.ReasonEnd), "-", 3, 0},
		{"second, interim", record(t, any, 9000, 11000, flow.ReasonNone), "1.example", 3, 0},
		{"second, active timeout", record(t, any, 9000, 11000, flow.ReasonActive), "1.example", 3, 0},
		{"first, final", record(t, any, 0, 5000, flow.ReasonEnd), "0.example", 2, 0},
		{"first, again", record(t, any, 0, 5000, flow.ReasonEnd), "-", 2, 0},
		{"third, and what is older goes with it", record(t, any, 20000, 20000, flow.ReasonEvicted), "2.example", 0, 0},
	}
	for _, tt := range tests {
		if got := name(b, tt.r); got != tt.want {
			t.Errorf("%s: name = %q; want %q", tt.name, got, tt.want)
		}
		if got := b.Stats().Known; got != tt.known {
			t.Errorf("%s: %d are known; want %d", tt.name, got, tt.known)
		}
	}
	if b.ForRecord(&flow.Record{Proto: packet.ProtoICMP}) != nil {
		t.Error("ICMP has a ClientHello")
	}
}

// TestTable_ForRecord_all forgets all ClientHellos of a flow when it ends: a
// client sends two ClientHellos after a HelloRetryRequest (RFC 8446 section 4.1.2), and
// a segment may be sent again.
func TestTable_ForRecord_all(t *testing.T) {
	t.Parallel()
	tls := tlsHello(t, "one.example")
	for _, seq := range []uint32{101, uint32(101 + len(tls))} {
		b := hello.New()
		read(t, b, segment(0, 101, tls), segment(1, seq, tls))
		b.ForRecord(record(t, segment(0, 0, nil), 0, 5000, flow.ReasonEnd))
		if s := b.Stats(); s.Known != 0 {
			t.Errorf("second ClientHello at %d: Stats = %+v after the end of the flow; want nothing known", seq, s)
		}
	}
}

// TestTable_again reads a connection on the ports of one that never finished its
// ClientHello.
func TestTable_again(t *testing.T) {
	t.Parallel()
	tls := tlsHello(t, "one.example")
	b := hello.New()
	read(t, b, segment(0, 101, tls[:50]), segment(3600_000, 999_999, tls))
	if got := name(b, record(t, segment(0, 0, nil), 3599_000, 3700_000, flow.ReasonEnd)); got != "one.example" {
		t.Errorf("name an hour after half a ClientHello = %q (%+v)", got, b.Stats())
	}
}

// TestTable_fair reads the ClientHellos of one qube beside a flood of another.
func TestTable_fair(t *testing.T) {
	t.Parallel()
	tls := tlsHello(t, "one.example")
	b := hello.New()
	for i := range 600 {
		s := segment(0, 101, tls[:50])
		s.src.port = uint16(1000 + i)
		read(t, b, s)
	}
	quiet := segment(1, 101, tls)
	quiet.iface = 9
	read(t, b, quiet)
	if got := name(b, record(t, quiet, 0, 5000, flow.ReasonEnd)); got != "one.example" {
		t.Errorf("name beside a flood over another interface = %q (%+v)", got, b.Stats())
	}
}

// TestTable_fastOpen reads a ClientHello that begins in the SYN (RFC 7413), whose
// data follow the sequence number of the SYN.
func TestTable_fastOpen(t *testing.T) {
	t.Parallel()
	tls := tlsHello(t, "one.example")
	b := hello.New()
	syn := segment(0, 100, tls[:100])
	syn.flags = packet.SYN
	read(t, b, syn, segment(1, 201, tls[100:]))
	if got := name(b, record(t, syn, 0, 5000, flow.ReasonEnd)); got != "one.example" {
		t.Errorf("name = %q (%+v)", got, b.Stats())
	}
}

// TestTable_Reading knows which conversation may bring the rest of a ClientHello, in both
// directions.
func TestTable_Reading(t *testing.T) {
	t.Parallel()
	b, hello := hello.New(), tlsHello(t, "www.example.org")
	first, rest := segment(0, 1, hello[:100]), segment(1, 101, hello[100:])
	_, p := first.frame(t)
	answer := back(segment(1, 1, nil))
	_, q := answer.frame(t)
	for _, step := range []struct {
		send *sent
		want bool
	}{{nil, false}, {&first, true}, {&rest, false}} {
		if step.send != nil {
			read(t, b, *step.send)
		}
		if b.Reading(&p) != step.want || b.Reading(&q) != step.want {
			t.Errorf("Reading = %v, %v; want %v", b.Reading(&p), b.Reading(&q), step.want)
		}
	}
}
