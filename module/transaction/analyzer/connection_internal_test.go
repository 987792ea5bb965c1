package analyzer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/elastic/beats/v7/packetbeat/protos"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// journal is an analyzer that writes down its calls. Its data is the name of the
// connection: a number for each one that it is shown.
type journal struct {
	fakePlugin
	calls []string
	conns int
}

func newJournal() *journal {
	j := new(journal)
	name := func(data protos.ProtocolData) protos.ProtocolData {
		if data == nil {
			j.conns++
			return j.conns
		}
		return data
	}
	j.OnParse = func(k *protos.Packet, dir uint8, data protos.ProtocolData) protos.ProtocolData {
		data = name(data)
		j.note("%v dir %d %q", data, dir, k.Payload)
		return data
	}
	j.OnParseUDP = func(k *protos.Packet) { j.note("udp %q", k.Payload) }
	j.OnGap = func(dir uint8, n int, data protos.ProtocolData) (protos.ProtocolData, bool) {
		j.note("%v dir %d gap %d", data, dir, n)
		return data, false
	}
	j.OnFin = func(dir uint8, data protos.ProtocolData) protos.ProtocolData {
		j.note("%v dir %d fin", data, dir)
		return data
	}
	j.OnExpired = func(data protos.ProtocolData) { j.note("%v expired", data) }
	return j
}

func (j *journal) note(format string, args ...any) {
	j.calls = append(j.calls, fmt.Sprintf(format, args...))
}

// TestConnections_take follows what reaches an analyzer.
func TestConnections_take(t *testing.T) {
	t.Parallel()
	const top uint32 = 0xffff_fffd // three before the end of the sequence numbers
	syn := newTCP(work, server, packet.SYN, 99, "")
	back := func(seq uint32, data string) feed.Packet { return newTCP(server, work, packet.ACK, seq, data) }
	tests := []struct {
		name string
		in   []feed.Packet
		want []string
	}{
		{"in order", []feed.Packet{syn, newTCP(work, server, 0, 100, "abc"), newTCP(work, server, 0, 103, "d"), back(7, "x")},
			[]string{`1 dir 1 "abc"`, `1 dir 1 "d"`, `1 dir 0 "x"`}},
		{"overtaken", []feed.Packet{syn, newTCP(work, server, 0, 103, "d"), newTCP(work, server, 0, 100, "abc")},
			[]string{`1 dir 1 "abc"`, `1 dir 1 "d"`}},
		{"repeated, with another text", []feed.Packet{syn, newTCP(work, server, 0, 100, "abc"), newTCP(work, server, 0, 100, "ABCd")},
			[]string{`1 dir 1 "abc"`, `1 dir 1 "d"`}},
		{"begins in the middle", []feed.Packet{newTCP(work, server, 0, 555, "m"), back(3, "x")},
			[]string{`1 dir 1 "m"`, `1 dir 0 "x"`}},
		{"begins with the answer", []feed.Packet{back(3, "x"), newTCP(work, server, 0, 555, "m")},
			[]string{`1 dir 1 "x"`, `1 dir 0 "m"`}},
		{"hole that is acknowledged", []feed.Packet{syn, newTCP(work, server, 0, 103, "d"), acking(back(7, ""), 104)},
			[]string{`<nil> dir 1 gap 3`, `1 dir 1 "d"`}},
		{"hole that is not acknowledged yet", []feed.Packet{syn, newTCP(work, server, 0, 103, "d"), acking(back(7, ""), 100)}, nil},
		{"hole that has waited too long", []feed.Packet{syn, newTCP(work, server, 0, 103, "d"), after(back(7, ""), time.Second)},
			[]string{`<nil> dir 1 gap 3`, `1 dir 1 "d"`}},
		{"end with a hole before it", []feed.Packet{syn, newTCP(work, server, 0, 100, "a"), newTCP(work, server, packet.FIN, 105, ""),
			after(back(7, ""), time.Second)}, []string{`1 dir 1 "a"`, `1 dir 1 gap 4`, `1 dir 1 fin`}},
		{"end with data", []feed.Packet{syn, newTCP(work, server, packet.FIN, 100, "a")}, []string{`1 dir 1 "a"`, `1 dir 1 fin`}},
		{"end of the sequence numbers", []feed.Packet{newTCP(work, server, packet.SYN, top-1, ""), newTCP(work, server, 0, 0, "d"),
			newTCP(work, server, 0, top, "abc")}, []string{`1 dir 1 "abc"`, `1 dir 1 "d"`}},
		{"SYN again", []feed.Packet{syn, syn, newTCP(work, server, 0, 100, "a"), syn, newTCP(work, server, 0, 101, "b")},
			[]string{`1 dir 1 "a"`, `1 dir 1 "b"`}},
		{"new SYN on the same ports", []feed.Packet{syn, newTCP(work, server, 0, 100, "a"), newTCP(work, server, packet.SYN, 5000, ""),
			newTCP(work, server, 0, 5001, "b")}, []string{`1 dir 1 "a"`, `1 expired`, `2 dir 1 "b"`}},
		{"new SYN the other way", []feed.Packet{syn, newTCP(work, server, 0, 100, "a"), newTCP(server, work, packet.SYN, 5000, ""),
			newTCP(server, work, 0, 5001, "b")}, []string{`1 dir 1 "a"`, `1 expired`, `2 dir 1 "b"`}},
		{"silent for too long", []feed.Packet{syn, newTCP(work, server, 0, 100, "a"), after(newTCP(work, server, 0, 101, "b"), 11*time.Second)},
			[]string{`1 dir 1 "a"`, `1 expired`, `2 dir 1 "b"`}},
		{"clock set back", []feed.Packet{syn, newTCP(work, server, 0, 100, "a"), after(newTCP(work, server, 0, 101, "b"), -time.Hour)},
			[]string{`1 dir 1 "a"`, `1 dir 1 "b"`}},
		{"other port", []feed.Packet{newTCP(work, "1.1.1.1:81", 0, 100, "a")}, nil},
		{"datagrams", []feed.Packet{newUDP(work, server, "a"), newUDP(server, work, ""), newUDP(server, work, "b")},
			[]string{`udp "a"`, `udp "b"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := newJournal()
			a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
			takeAll(a, tt.in...)
			if diff := cmp.Diff(tt.want, j.calls); diff != "" {
				t.Errorf("calls mismatch (-want +got):\n%s", diff)
			}
			checkShares(t, a.conns)
		})
	}
}

// checkShares holds what the table says of itself: the sum of the charges is what
// it holds, over all and by lane.
func checkShares(tb testing.TB, c *connections) {
	tb.Helper()
	sum, byShare := 0, map[*portion]int{}
	for _, conn := range c.table {
		sum += conn.charged
		byShare[conn.share] += conn.charged
		if conn.charged != conn.cost() {
			tb.Errorf("a connection is charged with %d bytes; its cost is %d", conn.charged, conn.cost())
		}
	}
	if sum != c.held {
		tb.Errorf("the charges sum up to %d; held = %d", sum, c.held)
	}
	connections := 0
	for iface, l := range c.shares {
		connections += l.list.Len()
		if l.held != byShare[l] {
			tb.Errorf("share %d holds %d; its connections %d", iface, l.held, byShare[l])
		}
	}
	if connections != len(c.table) {
		tb.Errorf("%d connections in shares, %d in the table", connections, len(c.table))
	}
}

// checkEmpty holds that nothing is left after flush.
func checkEmpty(tb testing.TB, a *analyzers) {
	tb.Helper()
	a.conns.endAll(a, true)
	c := a.conns
	if len(c.table) != 0 || len(c.gaps) != 0 || c.held != 0 {
		tb.Errorf("after the end: %d connections, %d waiting, %d bytes held; want none", len(c.table), len(c.gaps), c.held)
	}
	for iface, l := range c.shares {
		if l.held != 0 || l.list.Len() != 0 {
			tb.Errorf("after the end, share %d has %d connections and %d bytes; want none", iface, l.list.Len(), l.held)
		}
	}
}

// TestAnalyzers_guard lets every call of an analyzer fail, once each. The fault
// ends its connection, and no other.
func TestAnalyzers_guard(t *testing.T) {
	t.Parallel()
	hole := []feed.Packet{newTCP(work, server, 0, 100, "a"), newTCP(work, server, 0, 103, "d"),
		acking(newTCP(server, work, 0, 7, ""), 104)}
	tests := []struct {
		name string
		fail func(j *journal)
		in   []feed.Packet
	}{
		{"Parse", func(j *journal) {
			j.OnParse = func(*protos.Packet, uint8, protos.ProtocolData) protos.ProtocolData { panic("parse") }
		}, []feed.Packet{newTCP(work, server, 0, 100, "a"), newTCP(work, server, 0, 101, "b")}},
		{"GapInStream", func(j *journal) {
			j.OnGap = func(uint8, int, protos.ProtocolData) (protos.ProtocolData, bool) { panic("gap") }
		}, hole},
		{"ReceivedFin", func(j *journal) {
			j.OnFin = func(uint8, protos.ProtocolData) protos.ProtocolData { panic("fin") }
		}, []feed.Packet{newTCP(work, server, packet.FIN, 100, "a"), newTCP(work, server, packet.FIN, 101, "b")}},
		{"Expired", func(j *journal) { j.OnExpired = func(protos.ProtocolData) { panic("expired") } },
			[]feed.Packet{newTCP(work, server, 0, 100, "a"), newTCP(work, server, packet.SYN, 9, "")}},
		{"ParseUDP", func(j *journal) { j.OnParseUDP = func(*protos.Packet) { panic(fmt.Errorf("udp")) } },
			[]feed.Packet{newUDP(work, server, "a")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := newJournal()
			whole := j.fakePlugin
			a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
			takeAll(a, newTCP(other, server, 0, 200, "before"))
			tt.fail(j)
			takeAll(a, tt.in...)
			if diff := cmp.Diff(map[string]uint64{"fake": 1}, a.counts.Panics); diff != "" {
				t.Errorf("Panics mismatch (-want +got):\n%s", diff)
			}
			j.fakePlugin = whole
			if j.calls = nil; tt.name != "Expired" && tt.name != "ParseUDP" {
				takeAll(a, newTCP(work, server, 0, 104, "dead"))
			}
			takeAll(a, newTCP(other, server, 0, 206, "after"))
			if diff := cmp.Diff([]string{`1 dir 1 "after"`}, j.calls); diff != "" {
				t.Errorf("calls after the fault mismatch (-want +got):\n%s", diff)
			}
			checkShares(t, a.conns)
			checkEmpty(t, a)
		})
	}
}

// TestConnections_expire ends what is silent though no packet of its own comes.
func TestConnections_expire(t *testing.T) {
	t.Parallel()
	j := newJournal()
	a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
	takeAll(a, newTCP(work, server, 0, 100, "a"), newTCP(work, server, 0, 105, "hole"))
	a.expire()
	if diff := cmp.Diff([]string{`1 dir 1 "a"`}, j.calls); diff != "" {
		t.Errorf("at once mismatch (-want +got):\n%s", diff)
	}
	takeAll(a, after(newTCP(other, server, 0, 1, "b"), time.Second))
	a.expire()
	want := []string{`1 dir 1 "a"`, `2 dir 1 "b"`, `1 dir 1 gap 4`, `1 dir 1 "hole"`}
	if diff := cmp.Diff(want, j.calls); diff != "" {
		t.Errorf("after a second mismatch (-want +got):\n%s", diff)
	}
	takeAll(a, after(newTCP(other, server, 0, 2, "c"), 10500*time.Millisecond))
	a.expire()
	if want = append(want, `2 dir 1 "c"`, `1 expired`); !slices.Equal(want, j.calls) {
		t.Errorf("after ten seconds mismatch (-want +got):\n%s", cmp.Diff(want, j.calls))
	}
	checkShares(t, a.conns)
	checkEmpty(t, a)
	if got := a.counts.Gaps; got != 1 {
		t.Errorf("Gaps = %d; want 1", got)
	}
}

// TestConnections_expire_setBack goes on after one packet from the future: the
// clock of the machine was set back. A segment that was overtaken is waited for,
// and a silent connection ends.
func TestConnections_expire_setBack(t *testing.T) {
	j := newJournal()
	a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
	takeAll(a, on(after(newTCP(other, server, 0, 1, "b"), time.Hour), 9, packet.Inbound))
	a.expire()
	takeAll(a, newTCP(work, server, 0, 100, "a"), newTCP(work, server, 0, 103, "d"))
	a.expire()
	takeAll(a, newTCP(work, server, 0, 101, "bc"))
	for i := range 20 {
		takeAll(a, after(newTCP(other, server, 0, uint32(2+i), "b"), time.Duration(i)*time.Second))
		a.expire()
	}
	got := slices.DeleteFunc(j.calls, func(s string) bool { return s[0] == '1' })
	if diff := cmp.Diff([]string{`2 dir 1 "a"`, `2 dir 1 "bc"`, `2 dir 1 "d"`, `2 expired`}, got); diff != "" {
		t.Errorf("calls mismatch (-want +got):\n%s", diff)
	}
}

// TestConnections_timeout takes a timeout of nothing for the default, as
// packetbeat does.
func TestConnections_timeout(t *testing.T) {
	j := newJournal()
	j.timeout = -1
	a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
	takeAll(a, newTCP(work, server, 0, 100, "a"), after(newTCP(work, server, 0, 101, "b"), time.Second))
	if diff := cmp.Diff([]string{`1 dir 1 "a"`, `1 dir 1 "b"`}, j.calls); diff != "" {
		t.Errorf("calls mismatch (-want +got):\n%s", diff)
	}
}

// TestNewPacket_memory holds that an analyzer gets memory of its own, and that
// times at the ends of their range are no harm.
func TestNewPacket_memory(t *testing.T) {
	t.Parallel()
	for _, at := range []int64{0, 1, start, 1 << 62, -1, -1 << 63, 1<<63 - 1} {
		p := newTCP(work, server, 0, 1, "text")
		p.Time = at
		k := newPacket(&p)
		p.Src, p.Dst = packet.Addr{}, packet.Addr{}
		if k.Tuple.SrcIP.String() != "10.137.0.6" || len(k.Tuple.SrcIP) != 4 || k.Ts.UnixNano() != at {
			t.Errorf("newPacket at %d = %v, %v", at, k.Tuple.SrcIP, k.Ts)
		}
		j := newJournal()
		a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
		p = newTCP(work, server, 0, 1, "text")
		p.Time = at
		takeAll(a, newTCP(other, server, 0, 1, "a"), p, newTCP(other, server, 0, 2, "b"))
		a.expire()
		checkShares(t, a.conns)
		checkEmpty(t, a)
	}
}
