package verify

import (
	"context"
	"encoding/binary"
	"flag"
	"log/slog"
	"math"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/golden"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// qubes is an inventory: work on vif4.0, sys-vpn on vif7.0.
const qubes = `{"version": 1, "qubes": [
	{"name": "work", "class": "AppVM", "label": "blue", "netvm": "sys-log", "ip": "10.137.0.6", "xid": 4},
	{"name": "anon", "class": "AppVM", "label": "red", "netvm": "sys-log", "ip": "10.137.0.8", "xid": 8, "exit": "anon"},
	{"name": "sys-vpn", "class": "AppVM", "label": "green", "netvm": "sys-log", "ip": "10.137.0.20", "xid": 7, "provides_network": true}]}`

const t0 = int64(1_700_000_000e9)

// bed is a service with the packets of a test.
type bed struct {
	*Service
	t     *testing.T
	now   int64
	drops uint64
	mu    sync.Mutex
	docs  []*Document
}

// Publish implements [event.Sink].
func (b *bed) Publish(d event.Document) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.docs = append(b.docs, d.(*Document))
}

func newBed(t *testing.T, live bool) *bed { t.Helper(); return newBedIn(t, live, t.TempDir()) }

// newBedIn is newBed with the data of an earlier run.
func newBedIn(t *testing.T, live bool, dir string) *bed {
	t.Helper()
	b := &bed{t: t, now: t0}
	s, err := inventory.Parse(strings.NewReader(qubes), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(s, time.Unix(0, t0))
	names := map[uint32]string{1: "eth0", 4: "vif4.0", 7: "vif7.0", 8: "vif8.0"}
	conf := Config{Live: live, DataDir: dir, QubesDB: filepath.Join(t.TempDir(), "none"), Verify: config.Verify{Enabled: true, Window: config.Duration(15 * time.Minute),
		Expect: []config.VerifyExpect{{Qubes: []string{"sys-vpn"}, Exit: "vpn", Protocol: "wireguard", Endpoints: []string{"203.0.113.9:51820/udp"}},
			{Qubes: []string{"away"}, Exit: "tor"}},
		Isolation: config.VerifyIsolation{Allow: []string{"sys-print>work"}}}}
	hasVif := func(domid int32) bool { return names[uint32(domid)] != "" }
	enricher := &enrich.Enricher{Qubes: index, Name: func(i uint32) string { return names[i] }, HasVif: hasVif}
	b.Service, err = New(conf, Deps{Sink: b, Enricher: enricher, Inventory: index, HasVif: hasVif, Local: func(netip.Addr) bool { return false },
		KernelDrops: func() uint64 { return b.drops }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send shows a datagram from a vif.
func (b *bed) send(iface uint32, src, dst string, payload []byte) {
	b.t.Helper()
	b.now += int64(time.Millisecond)
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	frame := append(make([]byte, 12), 8, 0, 0x45, 0)
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(28+len(payload))), 0, 0, 0, 0, 63, packet.ProtoUDP, 0, 0)
	frame = append(append(frame, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	frame = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(frame, from.Port()), to.Port())
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(8+len(payload))), 0, 0)
	frame = append(frame, payload...)
	p := packet.Packet{Time: b.now, Iface: iface, Length: uint32(len(frame)), Direction: packet.Inbound}
	if p.Decode(packet.LinkEthernet, frame) != packet.OK {
		b.t.Fatal("the frame cannot be decoded")
	}
	b.Judge().Packets([]packet.Packet{p}, []capture.Frame{{Data: frame}}, make([]flow.Ref, 1))
}

// tunnelled sends a packet of WireGuard to the endpoint.
func (b *bed) tunnelled() {
	b.send(7, "10.137.0.20:40000", "203.0.113.9:51820", append([]byte{4, 0, 0, 0}, make([]byte, 92)...))
}

// tick has a second pass.
func (b *bed) tick() {
	b.now += int64(time.Second)
	b.observer.Tick(b.now)
}

// about returns the last event of a check and a qube.
func (b *bed) about(check, qube string) *Document {
	b.t.Helper()
	for i := len(b.docs) - 1; i >= 0; i-- {
		if d := b.docs[i]; d.Check.String() == check && d.Subject == qube {
			return d
		}
	}
	b.t.Fatalf("no event of %s about %s", check, qube)
	return nil
}

// TestDocument_Write compares with testdata/*.golden.json, which -update rewrites.
func TestDocument_Write(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	b.tunnelled()
	b.tick()
	b.send(7, "10.137.0.20:5353", "198.51.100.53:53", query("leak.example.com"))
	b.send(8, "10.137.0.8:1", "198.51.100.7:443", nil)
	b.tick()
	for name, d := range map[string]*Document{"pass": b.docs[0], "dns": b.about("VPN-5", "sys-vpn"), "anon": b.about("TOR-6", "anon")} {
		t.Run(name, func(t *testing.T) {
			strict.Document(t, name, d)
			fields := event.ToMap(d)
			delete(fields["observer"].(map[string]any), "version")
			golden.Compare(t, name, fields, *update)
		})
	}
}

// query returns a query in DNS.
func query(name string) []byte {
	msg := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		msg = append(append(msg, byte(len(label))), label...)
	}
	return append(msg, 0, 0, 1, 0, 1)
}

// TestDocument_Account estimates the size of an event well enough to share an output.
func TestDocument_Account(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	b.send(7, "10.137.0.20:5353", "198.51.100.53:53", query("leak.example.com"))
	d := b.about("VPN-5", "sys-vpn")
	var a event.Account
	d.Account(&a)
	got, want := a.Size-event.EnvelopeSize, len(strict.Document(t, "verify", d))
	if off := math.Abs(float64(got-want)) / float64(want); off > 0.15 {
		t.Errorf("Size = %d; %d are written", got, want)
	}
	if !a.Alert || a.Outcome != "VPN-5" || a.Name != "leak.example.com" || a.Parties.Qube.Name != "sys-vpn" {
		t.Errorf("account = %+v", a)
	}
}

// TestService_balance keeps the balance of its counters, and notes what the capture loses.
func TestService_balance(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	b.tunnelled()
	b.send(7, "10.137.0.20:1", "198.51.100.7:9", nil)
	b.send(4, "10.137.0.6:1", "198.51.100.7:9", nil)
	b.drops = 3
	b.tick()
	got := map[string]uint64{}
	for _, c := range metrics.Collect(b.Service) {
		if c.Group == "verify" {
			got[c.Name] = c.Value
		}
	}
	if got["packets"] != 3 || got["agree"] != 1 || got["against"] != 1 || got["not_judged"] != 1 || got["lost"] != 3 || got["published"] == 0 {
		t.Errorf("metrics = %v", got)
	}
	if d := b.about("VPN-1", "sys-vpn"); d.Verdict != judge.Fail {
		t.Errorf("VPN-1 is %v; want fail", d.Verdict)
	}
	if d := b.about("SYS-1", "this machine"); d.Reason != judge.CaptureLost {
		t.Errorf("SYS-1 is %v %v", d.Verdict, d.Reason)
	}
}

// TestService_socket answers the commands of a live beat, whose packets come meanwhile.
func TestService_socket(t *testing.T) {
	t.Parallel()
	b := newBed(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	<-b.Ready()
	stop := make(chan struct{})
	var packets sync.WaitGroup
	packets.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				b.tunnelled()
				b.send(7, "10.137.0.20:1", "198.51.100.7:9", nil)
			}
		}
	})
	client := control.NewClient(SocketPath(b.conf.DataDir))
	var view judge.View
	for client.Get(ctx, "/verify", nil, &view) != nil { // until the socket is there
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	has := func(check, subject, verdict string) bool {
		for _, l := range view.Verdicts {
			if l.Check == check && l.Subject == subject {
				return l.Verdict == verdict
			}
		}
		return false
	}
	for !has("VPN-1", "sys-vpn", "fail") {
		if err := client.Get(ctx, "/verify", nil, &view); err != nil {
			t.Fatal(err)
		}
	}
	if !has("TOR-1", "away", "unknown") || !has("ISO-2", "this machine", "unknown") {
		t.Errorf("verdicts = %+v", view.Verdicts)
	}
	var acked control.Acknowledged
	if err := client.Post(ctx, "/verify/ack", map[string][]string{"check": {"VPN-1"}}, &acked); err != nil || acked.Fails != 1 {
		t.Errorf("ack = %+v, %v", acked, err)
	}
	if err := client.Post(ctx, "/verify/ack", map[string][]string{"check": {"VPN-99"}}, &acked); err == nil || !strings.Contains(err.Error(), "explain") {
		t.Errorf("ack of no check: %v", err)
	}
	for path, form := range map[string]map[string][]string{
		"/verify/ack":   {"check": {"VPN-1"}, "subject": {"ghost"}},
		"/verify/probe": {"announcement": {(&probe.Announcement{Kind: probe.Tunnel, Via: "ghost", Client: "work", Nonce: probe.NewNonce(), Sizes: probe.Sizes(), TTL: 2, For: time.Minute}).Text()}},
	} {
		var none struct{}
		if err := client.Post(ctx, path, form, &none); err == nil || !strings.Contains(err.Error(), `no qube is called "ghost"`) {
			t.Errorf("%s about ghost: %v", path, err)
		}
	}
	close(stop)
	packets.Wait()
	b.Judge().Close()
	if err := client.Get(ctx, "/verify", nil, &view); err != nil {
		t.Errorf("after the end of the capture: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// TestExpectations_merged takes the best source, and says where two disagree.
func TestExpectations_merged(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	rules := func(list ...string) byAddr {
		all := map[string]string{rulesPrefix + "10.137.0.20/policy": "drop"}
		for i, text := range list {
			all[rulesPrefix+"10.137.0.20/000"+string(rune('0'+i))] = text
		}
		return firewallRules(all)
	}
	q := b.deps.Inventory.ByName("sys-vpn")
	for name, tt := range map[string]struct {
		rules  byAddr
		source string
		wrong  bool
	}{
		"none":         {nil, "config", false},
		"the same":     {rules("action=accept dst4=203.0.113.9/32 proto=udp dstports=51820"), "rules", false},
		"another host": {rules("action=accept dst4=203.0.113.10/32 proto=udp dstports=51820"), "config", true},
		"all hosts":    {rules("action=accept"), "config", false},
	} {
		x := b.expected.merged(q, tt.rules[q.IP])
		if x.Source != tt.source || (x.Conflict != "") != tt.wrong {
			t.Errorf("%s: %+v", name, x)
		}
	}
	if x := b.expected.merged(b.deps.Inventory.ByName("anon"), nil); x.Exit != judge.ExitAnon || x.Source != "inventory" {
		t.Errorf("anon: %+v", x)
	}
	if x := b.expected.merged(b.deps.Inventory.ByName("work"), nil); x != nil {
		t.Errorf("work: %+v", x)
	}
}

// TestByAddr_changedAt keeps rules that have not changed.
func TestByAddr_changedAt(t *testing.T) {
	t.Parallel()
	one := map[string]string{rulesPrefix + "10.137.0.6/policy": "accept", rulesPrefix + "10.137.0.8/policy": "drop"}
	first := firewallRules(one).changedAt(nil, time.Unix(1, 0))
	one[rulesPrefix+"10.137.0.8/policy"] = "accept"
	second := firewallRules(one).changedAt(first, time.Unix(2, 0))
	a, b := netip.MustParseAddr("10.137.0.6"), netip.MustParseAddr("10.137.0.8")
	if diff := cmp.Diff([]int64{0, 0, 0, 2e9}, []int64{first[a].Changed, first[b].Changed, second[a].Changed, second[b].Changed}); diff != "" {
		t.Errorf("changes mismatch (-want +got):\n%s", diff)
	}
	if first[a] != second[a] {
		t.Error("rules that have not changed were replaced")
	}
}

// TestExpectations_missing says of a qube above this machine that nothing can be seen of it.
func TestExpectations_missing(t *testing.T) {
	t.Parallel()
	s, err := inventory.Parse(strings.NewReader(`{"version": 1, "qubes": [{"name": "sys-log", "netvm": "sys-vpn"}, {"name": "sys-vpn", "netvm": "sys-net"}]}`), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(s, time.Unix(0, t0))
	above := namesAbove(index, "sys-log")
	if diff := cmp.Diff([]string{"sys-vpn", "sys-net"}, above); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
	e := expectations{list: []expectation{{[]string{"sys-vpn"}, &judge.Expectation{Exit: judge.ExitVPN}}}}
	list := e.missing(inventory.NewIndex(inventory.Config{}), func(int32) bool { return false }, above, true)
	if len(list) != 1 || !list[0].Above {
		t.Errorf("missing = %+v", list)
	}
}

// TestUpstreams takes addresses, and nothing if there is a name.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("192.0.2.54:853")}
	if diff := cmp.Diff(want, upstreams([]string{"udp://192.0.2.53", "tls://192.0.2.54#dns.example"}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("upstreams mismatch (-want +got):\n%s", diff)
	}
	if got := upstreams([]string{"udp://192.0.2.53", "https://dns.example/dns-query"}); got != nil {
		t.Errorf("upstreams = %v; want none", got)
	}
}

// TestCheck finds a list of relays that is not there, and a file that is something else.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"../../test/qubes/leaks/testdata/40-tor-without-a-list.consensus": true, "testdata/none": false, "testdata/dns.golden.json": false} {
		c := config.Verify{Enabled: true, Expect: []config.VerifyExpect{{Qubes: []string{"sys-whonix"}, Exit: "tor", Relays: name}}}
		if err := Check(&c); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
