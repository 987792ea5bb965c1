package flow_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// t0 is the time of the first packet of most tests: 2023-11-14 22:13:20 UTC.
const t0 = int64(1_700_000_000e9)

// The endpoints of most tests.
const (
	client = "10.137.0.6:40000"
	server = "1.1.1.1:443"
)

// at returns a packet time.
func at(d time.Duration) int64 { return t0 + int64(d) }

// meter is a table with the records that it has made.
type meter struct {
	*flow.Table
	records []flow.Record
}

// newMeter returns a table with an idle timeout of 30 s and room for 1000 flows
// unless change says otherwise.
func newMeter(tb testing.TB, change ...func(*flow.Config)) *meter {
	tb.Helper()
	m := new(meter)
	cfg := flow.Config{IdleTimeout: 30 * time.Second, MaxFlows: 1000,
		Report: func(r *flow.Record) { m.records = append(m.records, *r) }}
	for _, c := range change {
		c(&cfg)
	}
	table, err := flow.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	m.Table = table
	return m
}

// meter counts packets and returns m.
func (m *meter) meter(packets ...packet.Packet) *meter {
	for i := range packets {
		p := packets[i]
		m.Update(&p)
	}
	return m
}

// want compares the records so far with lines and forgets them.
func (m *meter) want(tb testing.TB, lines ...string) {
	tb.Helper()
	var got []string
	for i := range m.records {
		got = append(got, line(&m.records[i]))
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		tb.Errorf("records mismatch (-want +got):\n%s", diff)
	}
	m.records = nil
}

// line renders a record: initiator, responder, protocol, packets of both, reason
// and state.
func line(r *flow.Record) string {
	reason := r.Reason.String()
	if !r.Final() {
		reason = "interim"
	}
	text := fmt.Sprintf("%s > %s %d %d/%d %s", endpoint(r, &r.Source), endpoint(r, &r.Destination),
		r.Proto, r.Source.Packets, r.Destination.Packets, reason)
	return strings.TrimSpace(text + " " + r.State.String())
}

func endpoint(r *flow.Record, p *flow.Endpoint) string {
	return netip.AddrPortFrom(p.Addr.Netip(r.Family), p.Port).String()
}

// pkt returns a packet of 100 bytes on interface 1.
func pkt(when time.Duration, proto uint8, src, dst string) packet.Packet {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	p := packet.Packet{Time: at(when), Length: 100, Iface: 1, Proto: proto, HasL4: true,
		SrcPort: s.Port(), DstPort: d.Port()}
	p.Src, p.Family = packet.AddrFrom(s.Addr())
	p.Dst, _ = packet.AddrFrom(d.Addr())
	return p
}

func tcp(when time.Duration, src, dst string, flags uint8) packet.Packet {
	p := pkt(when, packet.ProtoTCP, src, dst)
	p.TCPFlags = flags
	return p
}

func udp(when time.Duration, src, dst string) packet.Packet {
	return pkt(when, packet.ProtoUDP, src, dst)
}

func icmp(when time.Duration, src, dst string, kind, code uint8, id uint16) packet.Packet {
	p := pkt(when, packet.ProtoICMP, src+":0", dst+":0")
	p.ICMPType, p.ICMPCode, p.ICMPID = kind, code, id
	return p
}

func icmp6(when time.Duration, src, dst string, kind, code uint8, id uint16) packet.Packet {
	p := pkt(when, packet.ProtoICMPv6, "["+src+"]:0", "["+dst+"]:0")
	p.ICMPType, p.ICMPCode, p.ICMPID = kind, code, id
	return p
}

// handshake returns the three packets that open a connection, a millisecond
// apart.
func handshake(when time.Duration, src, dst string) []packet.Packet {
	return []packet.Packet{
		tcp(when, src, dst, packet.SYN),
		tcp(when+time.Millisecond, dst, src, packet.SYN|packet.ACK),
		tcp(when+2*time.Millisecond, src, dst, packet.ACK),
	}
}

// sums returns packets and bytes of records that close their counters.
func sums(records []flow.Record) (packets, bytes uint64) {
	for i := range records {
		if r := &records[i]; r.Final() {
			packets += r.Source.Packets + r.Destination.Packets
			bytes += r.Source.Bytes + r.Destination.Bytes
		}
	}
	return packets, bytes
}
