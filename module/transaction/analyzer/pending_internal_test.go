package analyzer

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/elastic/beats/v7/libbeat/common"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// everything is a configuration of all analyzers, each on its usual port.
const everything = `
{type: icmp, enabled: true}
{type: amqp, ports: [5672], parse_headers: true, parse_arguments: true, send_request: true, send_response: true}
{type: cassandra, ports: [9042], send_request: true, send_response: true}
{type: dhcpv4, ports: [67, 68]}
{type: dns, ports: [53], include_authorities: true, include_additionals: true, send_request: true, send_response: true}
{type: http, ports: [80, 8080, 8000, 5000, 8002], send_all_headers: true, split_cookie: true, send_request: true, real_ip_header: X-Forwarded-For, include_body_for: [text/html]}
{type: memcache, ports: [11211], parseunknown: true, maxvalues: 5}
{type: mysql, ports: [3306, 13001], send_request: true, send_response: true}
{type: pgsql, ports: [5432], send_request: true, send_response: true}
{type: redis, ports: [6379], send_request: true, send_response: true}
{type: thrift, ports: [9090], send_request: true, send_response: true}
{type: mongodb, ports: [27017], send_request: true, send_response: true}
{type: nfs, ports: [2049]}
{type: tls, ports: [443, 993, 995, 5223, 8443, 8883, 9243], send_certificates: true, include_raw_certificates: true, include_detailed_fields: true}
{type: sip, ports: [5060], parse_authorization: true, parse_body: true, keep_original: true}
`

// TestCaches holds that the cache of every pinned analyzer that has one is found:
// they are not exported, and go by another name after an update of the module.
func TestCaches(t *testing.T) {
	t.Parallel()
	a := newReal(t, everything, 0)
	got := map[string]int{}
	for _, s := range a.sets {
		for _, table := range []map[uint16]*protocol{s.tcp, s.udp, {0: s.icmp}} {
			for _, p := range table {
				got[p.name] = len(p.pending.caches)
			}
		}
	}
	want := map[string]int{"dns": 1, "icmp": 1, "mysql": 2, "pgsql": 1, "thrift": 1, "mongodb": 2, "amqp": 1, "nfs": 1,
		"cassandra": 0, "dhcpv4": 0, "http": 0, "memcache": 0, "redis": 0, "tls": 0, "sip": 0}
	for name, n := range want {
		if g, known := got[name]; g != n || !known {
			t.Errorf("%s: %d caches were found (%v); want %d", name, g, known, n)
		}
	}
	for name := range got {
		if _, known := want[name]; !known {
			t.Errorf("%s is an analyzer that this test does not know", name)
		}
	}
}

// TestCaches_shape follows what could stand in an analyzer.
func TestCaches_shape(t *testing.T) {
	t.Parallel()
	type inner struct{ a, b *common.Cache }
	c := common.NewCache(1, 0)
	tests := []struct {
		name string
		in   any
		want int
	}{
		{"none", &struct{ a int }{}, 0},
		{"nil", &inner{}, 0},
		{"two", &inner{a: c, b: c}, 2},
		{"embedded", &struct {
			inner
			c *common.Cache
		}{inner{a: c}, c}, 2},
		{"too deep", &struct{ s struct{ inner } }{struct{ inner }{inner{a: c}}}, 0},
		{"no pointer", inner{a: c}, 0},
		{"no struct", new(int), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := len(caches(reflect.ValueOf(tt.in), 2)); got != tt.want {
				t.Errorf("caches finds %d; want %d", got, tt.want)
			}
		})
	}
}

// question is a DNS query (RFC 1035 section 4.1) for one name.
func question(id uint16, name string) string {
	b := []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} // ID, RD, one question
	binary.BigEndian.PutUint16(b, id)
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return string(append(b, 0, 0, 1, 0, 1)) // A, IN
}

// TestPending_flood lets one qube ask without an answer: it is refused beyond
// the budget, and another qube is not. Not parallel, for it measures the heap.
func TestPending_flood(t *testing.T) {
	const memory = 16 << 20
	a := newReal(t, "{type: dns, ports: [53]}", memory)
	before := heap()
	for i := range 60000 {
		p := newUDP(fmt.Sprintf("10.137.0.6:%d", 1024+i), "10.139.1.1:53", question(uint16(i), "flood.example"))
		p.Time += int64(i) * 1e4
		a.take(&p, false)
		if i%600 == 0 {
			q := on(newUDP(fmt.Sprintf("10.137.0.9:%d", 1024+i), "10.139.1.1:53", question(uint16(i), "quiet.example")), 9, packet.Inbound)
			q.Time = p.Time
			refused := a.counts.Refused["dns"]
			if a.take(&q, false); a.counts.Refused["dns"] != refused {
				t.Fatalf("after %d packets of another qube, a question of the quiet one was refused", i)
			}
		}
	}
	waiting := a.sets[noDevice].udp[53].pending.size()
	if got := heap() - before; got > memory {
		t.Errorf("%d MiB are held by %d requests; want at most %d", got>>20, waiting, memory>>20)
	}
	if a.counts.Refused["dns"] == 0 || waiting*pendingCost > memory/2+pendingEvery*3*pendingCost {
		t.Errorf("%d requests wait, %d were refused", waiting, a.counts.Refused["dns"])
	}
	runtime.KeepAlive(a)
}

// TestPending_icmp holds the same for echo requests, and TestPending_flood's
// bound for the largest questions.
func TestPending_icmp(t *testing.T) {
	const memory = 16 << 20
	a := newReal(t, "{type: icmp, enabled: true}", memory)
	before := heap()
	for i := range 60000 {
		p := newUDP("10.137.0.6:0", "10.139.1.1:0", "\x08\x00\x00\x00"+string([]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})+
			strings.Repeat("x", 1400))
		p.Proto = packet.ProtoICMP
		a.take(&p, false)
	}
	if got := heap() - before; got > memory {
		t.Errorf("%d MiB are held; want at most %d (%v refused)", got>>20, memory>>20, a.counts.Refused)
	}
	if a.counts.Refused["icmp"] == 0 {
		t.Error("no request was refused")
	}
	runtime.KeepAlive(a)
}

// TestStats_refused counts a packet once: it is analyzed, a copy, spoofed or
// refused.
func TestStats_refused(t *testing.T) {
	a := newFakeAnalyzers(t, new(fakePlugin), 0) // a budget of nothing refuses all
	a.sets[noDevice].udp[80].pending.full = true
	takeAll(a, newUDP(work, server, "a"))
	if got := a.counts.Packets + a.counts.Copies + a.counts.Spoofed + a.counts.Refused["fake"]; got != 1 {
		t.Errorf("1 packet is counted as %d analyzed and %d refused", a.counts.Packets, a.counts.Refused["fake"])
	}
}

// TestPending_time does not stay in the future when the clock was set back.
func TestPending_time(t *testing.T) {
	t.Parallel()
	n := newPending(new(fakePlugin))
	for i, at := range []int64{start, start + 1, start + 2*pendingSpan, start - 3*pendingSpan, start - 3*pendingSpan + 1} {
		p := newUDP(work, server, "x")
		p.Time = at
		n.count(&p)
		if want := []int{1, 2, 1, 1, 2}[i]; n.window.total != want {
			t.Errorf("packet %d: %d in the window; want %d", i, n.window.total, want)
		}
	}
}

// TestNewReal_config is the check that the helper's configuration is complete.
func TestNewReal_config(t *testing.T) {
	t.Parallel()
	p := newReal(t, everything, 0).ports()
	if len(p.TCP) != 24 || len(p.UDP) != 5 || !p.ICMP {
		t.Errorf("ports = %+v", p)
	}
}
