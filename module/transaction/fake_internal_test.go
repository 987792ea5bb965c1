package transaction

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
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
	timeout    time.Duration // ten seconds where it is 0
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
// port 80 of both protocols. Their goroutine is the test's own: it calls take.
func newFakeAnalyzers(tb testing.TB, f *fakePlugin, memory int) *Analyzers {
	tb.Helper()
	p := &protocol{name: "fake", tcp: f, udp: f, pending: newPending(f)}
	s := &set{tcp: map[uint16]*protocol{80: p}, udp: map[uint16]*protocol{80: p}}
	a := &Analyzers{sets: map[string]*set{noDevice: s}, byIface: map[uint32]ifaceSet{}, origins: newOrigins(),
		own: Stats{Panics: map[string]uint64{}, Refused: map[string]uint64{}}, queue: feed.NewQueue(true),
		cfg: Config{Publisher: newFakePublisher(tb, nil, nil), Name: nameOf, Memory: memory, Log: logp.NewNopLogger()}}
	a.conns = newConnections(memory/2, &a.own)
	s.addTo(&a.ports)
	return a
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

// fakeClient keeps what is published, or asks OnPublish.
type fakeClient struct {
	OnPublish func(beat.Event)

	mu     sync.Mutex
	events []beat.Event
	closed int
}

var _ beat.Client = (*fakeClient)(nil) // type check

// Publish implements [beat.Client].
func (c *fakeClient) Publish(e beat.Event) {
	if c.OnPublish != nil {
		c.OnPublish(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

// PublishAll implements [beat.Client].
func (c *fakeClient) PublishAll(all []beat.Event) {
	for _, e := range all {
		c.Publish(e)
	}
}

// Close implements [beat.Client].
func (c *fakeClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	return nil
}

// published returns what has been published so far.
func (c *fakeClient) published() []beat.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// inventory is a lookup that a test may change while it runs.
type inventory struct {
	mu    sync.Mutex
	qubes []*qube.Qube
}

var _ enrich.QubeLookup = (*inventory)(nil) // type check

// ByDomain implements [enrich.QubeLookup].
func (i *inventory) ByDomain(domid int32, _ time.Time) *qube.Qube {
	return i.first(func(q *qube.Qube) bool { return q.XID == domid })
}

// ByAddr implements [enrich.QubeLookup].
func (i *inventory) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	return i.first(func(q *qube.Qube) bool { return q.Owns(a) })
}

func (i *inventory) first(match func(*qube.Qube) bool) *qube.Qube {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, q := range i.qubes {
		if match(q) {
			return q
		}
	}
	return nil
}

// learn adds a qube.
func (i *inventory) learn(name string, xid int32, ip string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.qubes = append(i.qubes, &qube.Qube{Name: name, XID: xid, IP: netip.MustParseAddr(ip)})
}

// newFakePublisher returns a publisher for client; both arguments may be nil.
// change may alter its settings.
func newFakePublisher(tb testing.TB, client *fakeClient, change func(*PublisherConfig)) *Publisher {
	tb.Helper()
	if client == nil {
		client = new(fakeClient)
	}
	cfg := PublisherConfig{Enrich: &enrich.Enricher{Qubes: new(inventory), Name: nameOf}, Log: logp.NewNopLogger(),
		Connect: func(beat.ProcessingConfig) (beat.Client, error) { return client, nil }}
	if change != nil {
		change(&cfg)
	}
	return NewPublisher(cfg)
}

// newReporter returns the function through which an analyzer reports.
func newReporter(tb testing.TB, p *Publisher) func(beat.Event) {
	tb.Helper()
	report, err := p.CreateReporter(conf.NewConfig())
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// newTCP returns a segment. Its interface is 6 and its way in, where the test
// says nothing else.
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

// on moves a packet to another interface and way.
func on(p feed.Packet, iface uint32, d packet.Direction) feed.Packet {
	p.Iface, p.Direction = iface, d
	return p
}

// acking adds an acknowledgement.
func acking(p feed.Packet, ack uint32) feed.Packet {
	p.Flags, p.Ack = p.Flags|packet.ACK, ack
	return p
}

// takeAll gives copies of packets to the analyzers.
func takeAll(a *Analyzers, all ...feed.Packet) {
	for _, p := range all {
		p.Payload = slices.Clone(p.Payload)
		a.take(&p)
	}
}

// eventually waits until a condition holds, and fails the test where it does not
// within a generous time.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("%s: not within 20 s", what)
		}
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
