package flow_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// frame is a packet of a capture file.
type frame struct {
	after time.Duration // t0
	data  []byte
}

// udp is a datagram between two addresses, in an Ethernet frame.
func udp(t testing.TB, after time.Duration, from, to string) frame {
	t.Helper()
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	l4 := &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}
	return build(t, after, src, dst, layers.IPProtocolUDP, l4, []byte("payload"))
}

// tcp is a segment between two addresses, in an Ethernet frame.
func tcp(t testing.TB, after time.Duration, from, to string, l4 layers.TCP, payload []byte) frame {
	t.Helper()
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	l4.SrcPort, l4.DstPort = layers.TCPPort(src.Port()), layers.TCPPort(dst.Port())
	return build(t, after, src, dst, layers.IPProtocolTCP, &l4, payload)
}

func build(t testing.TB, after time.Duration, src, dst netip.AddrPort, proto layers.IPProtocol, l4 gopacket.SerializableLayer, payload []byte) frame {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{0, 0x16, 0x3e, 0, 0, 1}, DstMAC: net.HardwareAddr{0, 0x16, 0x3e, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, eth, ip, l4, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	return frame{after, buf.Bytes()}
}

// clientHello returns the first message of a TLS client, which asks for a name.
func clientHello(t testing.TB, name string) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(client, &tls.Config{ServerName: name, CurvePreferences: []tls.CurveID{tls.X25519}}).Handshake() // it fails when the pipe is closed
	}()
	buf := make([]byte, 4096)
	n, err := server.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	<-done
	return buf[:n]
}

// pcap is a capture file (draft-ietf-opsawg-pcap): its header, and a record per frame.
func pcap(frames ...frame) []byte {
	out := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d) // times are in nanoseconds
	out = append(out, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	out = binary.LittleEndian.AppendUint32(out, 65535)
	out = binary.LittleEndian.AppendUint32(out, uint32(packet.LinkEthernet))
	for _, f := range frames {
		at := t0 + int64(f.after)
		for _, v := range []int64{at / 1e9, at % 1e9, int64(len(f.data)), int64(len(f.data))} {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		}
		out = append(out, f.data...)
	}
	return out
}

// lookup is an inventory that a test may change while it is used.
type lookup struct {
	mu    sync.Mutex
	qubes []*qube.Qube
}

func (l *lookup) learn(name, ip string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.qubes = append(l.qubes, &qube.Qube{Name: name, XID: -1, IP: netip.MustParseAddr(ip)})
}

// ByDomain implements [enrich.QubeLookup].
func (l *lookup) ByDomain(int32, time.Time) *qube.Qube { return nil }

// ByAddr implements [enrich.QubeLookup].
func (l *lookup) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.qubes, func(q *qube.Qube) bool { return q.Owns(a) }); i >= 0 {
		return l.qubes[i]
	}
	return nil
}

// world is a service with what it needs.
type world struct {
	*flow.Service
	t         *testing.T
	conf      flow.Config
	inventory lookup
	enricher  *enrich.Enricher
	onPublish func()

	mu        sync.Mutex
	documents []*flow.Document // guarded by mu
}

// Publish implements [event.Sink].
func (w *world) Publish(d event.Document) {
	if w.onPublish != nil {
		w.onPublish()
	}
	strict.Document(w.t, "flow", d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.documents = append(w.documents, d.(*flow.Document))
}

// Delivery implements [event.Outlet].
func (w *world) Delivery() event.Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return event.Delivery{Acked: uint64(len(w.documents))}
}

// published returns the destinations of the flows so far, with the names of their qubes.
func (w *world) published() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.documents {
		name := "?"
		if d.Qube != nil {
			name = d.Qube.Name
		}
		all = append(all, name+" "+d.Destination.Addr.Netip(d.Family).String())
	}
	return all
}

// newWorld returns a service that replays the bytes of a capture file as fast as it can.
// change, if not nil, may change its configuration. Nothing is opened yet.
func newWorld(t *testing.T, file []byte, change func(c *flow.Config)) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	w := &world{t: t, conf: flow.Config{Flows: c.Flows, Interfaces: []config.Interface{config.DefaultInterface()},
		Replay: flow.Replay{Files: []string{path}, Loop: 1, TopSpeed: true}}}
	if change != nil {
		change(&w.conf)
	}
	w.inventory.learn("work", "10.137.0.6")
	w.enricher = &enrich.Enricher{Qubes: &w.inventory, Name: func(iface uint32) string { return w.InterfaceName(iface) }}
	w.Service = flow.New(w.conf, flow.Deps{Outlet: w, Logger: slog.New(slog.DiscardHandler), Enricher: w.enricher})
	return w
}

// run opens and runs the service to its end.
func (w *world) run() {
	w.t.Helper()
	if err := w.Open(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Run(w.t.Context()); err != nil {
		w.t.Errorf("Run = %v", err)
	}
}

// start opens and runs the service in a goroutine. stop ends it and returns its error.
func (w *world) start() (stop func() error, done <-chan error) {
	w.t.Helper()
	if err := w.Open(); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	result := make(chan error, 1)
	go func() { result <- w.Run(ctx) }()
	<-w.Ready()
	return func() error { cancel(); return <-result }, result
}

// counters returns the metrics of the service as group.name.
func (w *world) counters() map[string]uint64 {
	all := map[string]uint64{}
	for _, c := range metrics.Collect(w.Service) {
		all[c.Group+"."+c.Name] = c.Value
	}
	return all
}

// want compares counters.
func (w *world) want(want map[string]uint64) {
	w.t.Helper()
	got := w.counters()
	for name, n := range want {
		if v, ok := got[name]; v != n || !ok {
			w.t.Errorf("%s = %d, %v; want %d", name, v, ok, n)
		}
	}
}

// balanced checks that nothing is lost without being counted: see docs/architecture.md.
func (w *world) balanced() {
	w.t.Helper()
	n := w.counters()
	sum := func(names ...string) (total uint64) {
		for _, name := range names {
			if _, ok := n[name]; !ok {
				w.t.Errorf("there is no counter %s", name)
			}
			total += n[name]
		}
		return total
	}
	for _, b := range []struct {
		what        string
		left, right uint64
	}{
		{"frames", sum("capture.frames"), sum("flows.packets", "capture.non_ip_frames", "capture.truncated_frames", "capture.malformed_frames", "capture.unsupported_frames")},
		{"records", sum("flows.interim", "flows.ended_idle", "flows.ended_active", "flows.ended_end", "flows.ended_forced", "flows.ended_evicted"), sum("events.queued")},
		{"events", sum("events.queued"), sum("events.published", "events.queue_dropped_interim", "events.queue_dropped_final", "events.held", "events.waiting", "events.lost")},
		{"delivery", sum("events.published"), sum("events.acked", "events.filtered", "events.pending", "events.summarized", "events.dropped_at_stop")},
	} {
		if b.left != b.right {
			w.t.Errorf("%s: %d on the left and %d on the right; want a balance: %v", b.what, b.left, b.right, n)
		}
	}
}

// recorder is an observer that keeps the order of what it is called with.
type recorder struct {
	name string
	log  *[]string
}

// Packet implements [pipeline.Tap].
func (r recorder) Packet(p *packet.Packet, data []byte) {
	if !bytes.Contains(data, []byte("payload")) {
		*r.log = append(*r.log, "a frame without its payload")
	}
	*r.log = append(*r.log, r.name+" packet to "+p.Dst.Netip(p.Family).String())
}

// Close implements [pipeline.Tap].
func (r recorder) Close() { *r.log = append(*r.log, r.name+" close") }
