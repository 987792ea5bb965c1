package analyzer

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// The endpoints of the tests: two qubes and a server.
const (
	work   = "10.137.0.6:5000"
	other  = "10.137.0.9:5000"
	server = "1.1.1.1:80"
)

// fakePlugin is an analyzer whose calls the test answers. A function that is nil
// keeps the data it is given.
type fakePlugin struct {
	OnParse    func(k *protos.Packet, dir uint8, data protos.ProtocolData) protos.ProtocolData
	OnParseUDP func(k *protos.Packet)
	OnGap      func(dir uint8, n int, data protos.ProtocolData) (protos.ProtocolData, bool)
	OnFin      func(dir uint8, data protos.ProtocolData) protos.ProtocolData
	OnExpired  func(data protos.ProtocolData)
	timeout    time.Duration // 0 means ten seconds
}

var (
	_ protos.ExpirationAwareTCPPlugin = (*fakePlugin)(nil) // type check
	_ protos.UDPPlugin                = (*fakePlugin)(nil)
)

// GetPorts implements [protos.Plugin].
func (f *fakePlugin) GetPorts() []int { return []int{80} }

// Parse implements [protos.TCPPlugin].
func (f *fakePlugin) Parse(k *protos.Packet, _ *common.TCPTuple, dir uint8, data protos.ProtocolData) protos.ProtocolData {
	if f.OnParse == nil {
		return data
	}
	return f.OnParse(k, dir, data)
}

// ParseUDP implements [protos.UDPPlugin].
func (f *fakePlugin) ParseUDP(k *protos.Packet) {
	if f.OnParseUDP != nil {
		f.OnParseUDP(k)
	}
}

// GapInStream implements [protos.TCPPlugin].
func (f *fakePlugin) GapInStream(_ *common.TCPTuple, dir uint8, n int, data protos.ProtocolData) (protos.ProtocolData, bool) {
	if f.OnGap == nil {
		return data, false
	}
	return f.OnGap(dir, n, data)
}

// ReceivedFin implements [protos.TCPPlugin].
func (f *fakePlugin) ReceivedFin(_ *common.TCPTuple, dir uint8, data protos.ProtocolData) protos.ProtocolData {
	if f.OnFin == nil {
		return data
	}
	return f.OnFin(dir, data)
}

// Expired implements [protos.ExpirationAwareTCPPlugin].
func (f *fakePlugin) Expired(_ *common.TCPTuple, data protos.ProtocolData) {
	if f.OnExpired != nil {
		f.OnExpired(data)
	}
}

// ConnectionTimeout implements [protos.TCPPlugin].
func (f *fakePlugin) ConnectionTimeout() time.Duration {
	if f.timeout == 0 {
		return 10 * time.Second
	}
	return f.timeout
}

// newFakeAnalyzers returns analyzers that have f alone, under the name "fake", on
// port 80 of both protocols. Their goroutine is that of the test, which calls what
// the child's loop calls.
func newFakeAnalyzers(tb testing.TB, f *fakePlugin, memory int) *analyzers {
	tb.Helper()
	p := &protocol{name: "fake", tcp: f, udp: f, pending: newPending(f)}
	a := newEmpty(config{interfaceName: nameOf, memory: memory,
		reporter: reporterConfig{send: discard}})
	a.sets[noDevice] = &set{tcp: map[uint16]*protocol{80: p}, udp: map[uint16]*protocol{80: p}}
	return a
}

// discard stands for a beat that ignores events.
func discard(*wire.Event) bool { return true }

// newReal returns packetbeat's own analyzers for a configuration.
func newReal(tb testing.TB, text string, memory int) *analyzers {
	tb.Helper()
	a, err := newAnalyzers(realConfig(tb, text, memory))
	if err != nil || a == nil {
		tb.Fatalf("newAnalyzers(%s) = %v, %v", text, a, err)
	}
	return a
}

func realConfig(tb testing.TB, text string, memory int) config {
	return config{list: sections(tb, text), interfaceName: nameOf, memory: memory,
		reporter: reporterConfig{send: discard}}
}

// nameOf names observation points: number 6 is vif6.0, and so on; 1 is eth0.
func nameOf(iface uint32) string {
	switch iface {
	case 0:
		return ""
	case 1:
		return "eth0"
	}
	return "vif" + string(rune('0'+iface%10)) + ".0"
}

// recorder keeps the events that are sent to the beat.
type recorder struct {
	mu     sync.Mutex
	events []wire.Event
}

func (r *recorder) send(e *wire.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, *e)
	return true
}

// field returns a field of an event as text, "" if it has none.
func field(e wire.Event, name string) string {
	v, _ := e.Fields.GetValue(name)
	s, _ := v.(string)
	return s
}

// newTCP returns a segment. Its interface is 6 and its direction inbound, unless the
// test changes that.
func newTCP(src, dst string, flags uint8, seq uint32, data string) feed.Packet {
	p := newUDP(src, dst, data)
	p.Proto, p.Flags, p.Seq = packet.ProtoTCP, flags, seq
	return p
}

// newUDP returns a datagram that begins the test's clock.
func newUDP(src, dst, data string) feed.Packet {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	p := feed.Packet{Time: start, Iface: 6, Direction: packet.Inbound, Proto: packet.ProtoUDP,
		SrcPort: s.Port(), DstPort: d.Port()}
	p.Src, p.Family = packet.AddrFrom(s.Addr())
	p.Dst, _ = packet.AddrFrom(d.Addr())
	if data != "" {
		p.Payload = []byte(data)
	}
	return p
}

// start is the time of the first packet.
const start = int64(1_700_000_000_000_000_000)

// after moves a packet in time.
func after(p feed.Packet, d time.Duration) feed.Packet {
	p.Time += int64(d)
	return p
}

// on moves a packet to another interface and direction.
func on(p feed.Packet, iface uint32, d packet.Direction) feed.Packet {
	p.Iface, p.Direction = iface, d
	return p
}

// acking adds an acknowledgement.
func acking(p feed.Packet, ack uint32) feed.Packet {
	p.Flags, p.Ack = p.Flags|packet.ACK, ack
	return p
}

// takeAll passes copies of packets to the analyzers.
func takeAll(a *analyzers, all ...feed.Packet) {
	for _, p := range all {
		p.Payload = slices.Clone(p.Payload)
		a.take(&p, false)
	}
}

// sections reads a configuration of protocols, a section on each line.
func sections(tb testing.TB, text string) (all []*conf.C) {
	tb.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		c, err := conf.NewConfigWithYAML([]byte(line), "test")
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}
