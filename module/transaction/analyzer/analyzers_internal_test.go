package analyzer

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/elastic/beats/v7/packetbeat/protos"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// TestNew reads configurations. want is a part of the error, "none" if there is
// nothing to analyze, or "" for analyzers.
func TestNew(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"one", "{type: http, ports: [80]}", ""},
		{"disabled", "{type: http, ports: [80], enabled: false}", "none"},
		{"unknown, which packetbeat ignores", "{type: gopher, ports: [70]}", "none"},
		{"icmp alone", "{type: icmp, enabled: true}", ""},
		{"icmp disabled", "{type: icmp, enabled: false}", "none"},
		{"icmp twice", "{type: icmp}\n{type: icmp}", "more than one icmp"},
		{"no type", "{ports: [80]}", "type"},
		{"port of two", "{type: http, ports: [80]}\n{type: redis, ports: [80]}", "port 80 is given to both"},
		{"port of two, udp", "{type: dns, ports: [53]}\n{type: memcache, ports: [53]}", "port 53 is given to both"},
		{"port twice in one", "{type: http, ports: [80, 80]}", ""},
		{"port on tcp and on udp", "{type: http, ports: [67]}\n{type: dhcpv4, ports: [67]}", ""},
		{"port 65535", "{type: http, ports: [65535]}", ""},
		{"port 70000", "{type: http, ports: [70000]}", "port 70000 is not within 0 and 65535"},
		{"negative port", "{type: http, ports: [-1]}", "-1"},
		{"no number", "{type: http, ports: [http]}", "ports"},
		{"bad setting of an analyzer", "{type: http, ports: [80], max_message_size: many}", "max_message_size"},
		{"device", "{type: http, ports: [80], interface: {device: vif6.0}}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, err := newAnalyzers(realConfig(t, tt.in, 0))
			switch {
			case tt.want == "none":
				if a != nil || err != nil {
					t.Errorf("newAnalyzers = %v, %v; want nothing", a, err)
				}
			case tt.want != "":
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("newAnalyzers = %v; want an error with %q", err, tt.want)
				}
			case err != nil || a == nil:
				t.Errorf("newAnalyzers = %v, %v; want analyzers", a, err)
			}
		})
	}
}

// TestNew_map reads packetbeat's old form, too.
func TestNew_map(t *testing.T) {
	t.Parallel()
	protocols := map[string]*conf.C{"http": sections(t, "{ports: [80]}")[0], "icmp": sections(t, "{enabled: true}")[0]}
	cfg := realConfig(t, "", 0)
	cfg.protocols = protocols
	a, err := newAnalyzers(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Ready{TCP: map[uint16]string{80: "http"}, UDP: map[uint16]string{}, ICMP: true}
	if diff := cmp.Diff(want, a.ports()); diff != "" {
		t.Errorf("ports mismatch (-want +got):\n%s", diff)
	}
}

// TestNew_none costs nothing: no goroutine, and none of the caches, which are
// 34 MiB. Not parallel, for it counts both.
func TestNew_none(t *testing.T) {
	goroutines, before := runtime.NumGoroutine(), heap()
	for range 20 {
		a, err := newAnalyzers(realConfig(t, "{type: http, ports: [80], enabled: false}\n{type: dns, ports: [53], enabled: false}", 0))
		if a != nil || err != nil {
			t.Fatalf("newAnalyzers = %v, %v; want nothing", a, err)
		}
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines; %d before", n, goroutines)
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the heap has grown by %d KiB", grown>>10)
	}
}

// TestAnalyzers_device gives a section with a device the packets of that one
// alone, and a section without to all.
func TestAnalyzers_device(t *testing.T) {
	t.Parallel()
	a := newReal(t, `{type: http, ports: [80], interface: {device: vif6.0}}
{type: icmp, interface: {device: vif9.0}}
{type: redis, ports: [6379]}
{type: dns, ports: [53], interface: {device: eth0}, enabled: false}`, 0)
	get := func(iface uint32, port string) string {
		p := newTCP(work, "1.1.1.1:"+port, 0, 1, "x")
		p.Iface = iface
		if port == "0" {
			p.Proto = 1
		}
		if f := a.setOf(iface).find(&p); f != nil {
			return f.name
		}
		return ""
	}
	tests := []struct {
		iface      uint32
		port, want string
	}{
		{6, "80", "http"}, {9, "80", ""}, {1, "80", ""}, {0, "80", ""},
		{6, "6379", "redis"}, {9, "6379", "redis"}, {1, "6379", "redis"},
		{9, "0", "icmp"}, {6, "0", ""}, {1, "0", ""}, {1, "53", ""},
	}
	for _, tt := range tests {
		if got := get(tt.iface, tt.port); got != tt.want {
			t.Errorf("port %s on %q is for %q; want %q", tt.port, nameOf(tt.iface), got, tt.want)
		}
	}
	want := wire.Ready{TCP: map[uint16]string{80: "http", 6379: "redis"}, UDP: map[uint16]string{}, ICMP: true}
	if diff := cmp.Diff(want, a.ports()); diff != "" {
		t.Errorf("ports mismatch (-want +got):\n%s", diff)
	}
}

// TestAnalyzers_setOf_renamed looks a number up again that names another interface
// by now.
func TestAnalyzers_setOf_renamed(t *testing.T) {
	a := newReal(t, "{type: http, ports: [80], interface: {device: vif6.0}}", 0)
	name := ""
	a.cfg.interfaceName = func(uint32) string { return name }
	before := a.setOf(12)
	name = "vif6.0"
	if a.setOf(12) == before {
		t.Error("interface 12 keeps the analyzers that it had without a name")
	}
}

// TestAnalyzers_setOf_bounded remembers no more interfaces than it says.
func TestAnalyzers_setOf_bounded(t *testing.T) {
	t.Parallel()
	a := newFakeAnalyzers(t, new(fakePlugin), 1<<20)
	for i := range uint32(3 * maxIfaces) {
		if a.setOf(i) != a.sets[noDevice] || len(a.byIface) > maxIfaces+1 {
			t.Fatalf("%d interfaces are remembered", len(a.byIface))
		}
	}
}

// TestAnalyzers_take counts every packet once.
func TestAnalyzers_take(t *testing.T) {
	t.Parallel()
	j := newJournal()
	a := newFakeAnalyzers(t, &j.fakePlugin, 1<<20)
	for i := range 1000 {
		takeAll(a, newTCP(work, server, 0, uint32(1+i), "x"))
		if i%10 == 0 {
			takeAll(a, out(newTCP(work, server, 0, uint32(1+i), "x"), 9)) // a copy
		}
	}
	takeAll(a, newTCP(work, "1.1.1.1:81", 0, 1, "no analyzer wants this"))
	a.finish()
	want := wire.AnalyzerStats{Packets: 1000, Copies: 100, Connections: 1,
		Refused: map[string]uint64{}, Panics: map[string]uint64{}}
	if diff := cmp.Diff(want, a.stats().Analyzers); diff != "" {
		t.Errorf("stats mismatch (-want +got):\n%s", diff)
	}
}

// TestAnalyzers_take_panics survives a flood of panics and counts each.
func TestAnalyzers_take_panics(t *testing.T) {
	t.Parallel()
	f := new(fakePlugin)
	f.OnParse = func(*protos.Packet, uint8, protos.ProtocolData) protos.ProtocolData { panic(errors.New("no")) }
	a := newFakeAnalyzers(t, f, 1<<20)
	reported := 0
	a.cfg.panicked = func(p *wire.Panic) {
		reported++
		if p.Protocol != "fake" || p.Value != "no" || string(p.Input) != "x" || !strings.Contains(p.Stack, "OnParse") && !strings.Contains(p.Stack, "take_panics") {
			t.Errorf("reported %+v", p)
		}
	}
	for i := range 2000 {
		takeAll(a, newTCP(from(i), server, 0, 1, "x"))
		if i%expireEvery == 0 {
			a.expire()
		}
	}
	a.finish()
	if s := a.stats().Analyzers; s.Panics["fake"] != 2000 || s.Live != 0 || s.Held != 0 {
		t.Errorf("stats = %+v; want 2000 panics and nothing left", s)
	}
	if reported != 2000 {
		t.Errorf("%d panics were reported; want 2000", reported)
	}
}

// TestAnalyzers_waitIdle ends within its bound though an analyzer's channel is
// never empty.
func TestAnalyzers_waitIdle(t *testing.T) {
	t.Parallel()
	a := newReal(t, "{type: thrift, ports: [9090]}", 0)
	if n := len(a.channels()); n == 0 {
		t.Error("the channel of thrift was not found")
	}
	began := time.Now()
	a.finish()
	if took := time.Since(began); took > idleWait+10*time.Second {
		t.Errorf("finish took %v without a packet", took)
	}
}
