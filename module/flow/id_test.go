package flow_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// connFlag marks the connection id, which packetbeat counts up and we compute.
const (
	connFlag   = 2048
	connOffset = 2 + 11
)

// withoutConn returns a flow id without its connection-id part: the flag, the
// offset byte and the tail.
func withoutConn(t *testing.T, id string) string {
	t.Helper()
	b, err := base64.RawStdEncoding.DecodeString(id)
	if err != nil || len(b) < 17 {
		t.Fatalf("flow id %q: %v", id, err)
	}
	if flags := binary.LittleEndian.Uint16(b); flags&connFlag != 0 {
		binary.LittleEndian.PutUint16(b, flags&^connFlag)
		b[connOffset] = 0xff
		b = b[:len(b)-8]
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// baselineFlow is what an event of packetbeat's says about a flow's key.
type baselineFlow struct {
	Type string
	Flow struct {
		ID   string
		VLAN any
	}
	Source, Destination baselineEndpoint
	Network             struct{ Transport string }
}

type baselineEndpoint struct {
	IP   any // several for IP in IP
	Port uint16
	MAC  string
}

// endpoint returns the side in our words; ok is false where it has no address,
// as for ARP, or two of them.
func (p *baselineEndpoint) endpoint(t *testing.T) (e meter.Endpoint, family uint8, ok bool) {
	t.Helper()
	text, _ := p.IP.(string)
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return e, 0, false
	}
	e.Addr, family = packet.AddrFrom(ip)
	e.Port = p.Port
	if p.MAC != "" {
		mac, err := net.ParseMAC(p.MAC)
		if err != nil {
			t.Fatal(err)
		}
		e.MAC = [6]byte(mac)
	}
	return e, family, true
}

// record returns the record of the flow.
func (b *baselineFlow) record(t *testing.T) (r *meter.Record, ok bool) {
	t.Helper()
	r = &meter.Record{HasMAC: b.Source.MAC != ""}
	var okSource, okDestination bool
	r.Source, r.Family, okSource = b.Source.endpoint(t)
	r.Destination, _, okDestination = b.Destination.endpoint(t)
	r.Proto = map[string]uint8{"tcp": packet.ProtoTCP, "udp": packet.ProtoUDP, "icmp": packet.ProtoICMP,
		"ipv6-icmp": packet.ProtoICMPv6, "": packet.ProtoESP}[b.Network.Transport]
	switch v := b.Flow.VLAN.(type) {
	case float64:
		r.VLANs, r.VLAN[0] = 1, uint16(v)
	case []any:
		for i, one := range v {
			id, _ := one.(float64)
			r.VLAN[i] = uint16(id)
		}
		r.VLANs = uint8(len(v))
	}
	return r, okSource && okDestination
}

// baseline returns the flows that packetbeat made of its captures, by the name
// of the capture.
func baseline(t *testing.T) map[string][]baselineFlow {
	t.Helper()
	dir := os.Getenv("QUBESBEAT_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	pattern := filepath.Join(dir, "baseline", "events", "*.ndjson")
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Skipf("no files %s: run with QUBESBEAT_SHARED=<the shared folder of the project>", pattern)
	}
	flows := map[string][]baselineFlow{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		for lines := json.NewDecoder(f); lines.More(); {
			var one baselineFlow
			if err := lines.Decode(&one); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if one.Type == "flow" {
				flows[filepath.Base(file)] = append(flows[filepath.Base(file)], one)
			}
		}
		f.Close()
	}
	return flows
}

// TestID_packetbeat compares with packetbeat's own ids for the flows of its
// captures, but for the connection id. Flows without addresses (ARP) do not
// exist here.
func TestID_packetbeat(t *testing.T) {
	t.Parallel()
	compared, skipped := 0, 0
	for file, flows := range baseline(t) {
		for i := range flows {
			r, ok := flows[i].record(t)
			if !ok {
				skipped++
				continue
			}
			compared++
			if got, want := withoutConn(t, flow.ID(r)), withoutConn(t, flows[i].Flow.ID); got != want {
				t.Errorf("%s: ID of %+v = %s; want %s", file, flows[i], got, want)
			}
		}
	}
	if compared == 0 {
		t.Error("no flow of the baseline was compared")
	}
	t.Logf("%d flow ids compared, %d flows without an address pair", compared, skipped)
}

// TestID_same has one id for all records of a flow, whatever they count, and
// for either side as the initiator.
func TestID_same(t *testing.T) {
	t.Parallel()
	first := &tcpFlow().Record
	later := *first
	later.Start, later.End, later.Reason = t0+1800e9, t0+3600e9, meter.ReasonActive
	later.Source.Packets, later.Source.TCPFlags, later.State = 99, 0, meter.StateMidstream
	if a, b := flow.ID(first), flow.ID(&later); a != b {
		t.Errorf("ID = %s and %s of one flow; want the same", a, b)
	}
	turned := *first
	turned.Source, turned.Destination = first.Destination, first.Source
	if a, b := flow.ID(first), flow.ID(&turned); a != b {
		t.Errorf("ID = %s and %s with the sides exchanged; want the same", a, b)
	}
}

// TestID_different has different ids for flows that the table tells apart.
func TestID_different(t *testing.T) {
	t.Parallel()
	sctp := func(f *flow.Document) { f.Proto = packet.ProtoSCTP }
	with := func(d *flow.Document, changes ...func(*flow.Document)) *meter.Record {
		for _, c := range changes {
			c(d)
		}
		return &d.Record
	}
	plain := func() *flow.Document { return base("10.0.0.1:5000", "10.0.0.2:53") }
	tests := []struct {
		name string
		a, b *meter.Record
	}{
		{"port", with(plain()), with(plain(), func(f *flow.Document) { f.Source.Port++ })},
		{"TCP and UDP", with(plain()), with(plain(), func(f *flow.Document) { f.Proto = packet.ProtoTCP })},
		{"VLAN", with(vlanFlow(1)), with(vlanFlow(2))},
		{"VLAN 0 and none", with(plain()), with(plain(), func(f *flow.Document) { f.VLANs = 1 })},
		{"time of birth", with(plain()), with(plain(), func(f *flow.Document) { f.Born++ })},
		{"interface", with(plain()), with(plain(), func(f *flow.Document) { f.Iface++ })},
		{"ICMP identifier", with(icmpFlow()), with(icmpFlow(), func(f *flow.Document) { f.ICMPID++ })},
		{"ICMP kind", with(icmpFlow()), with(icmpFlow(), func(f *flow.Document) { f.ICMPKind++ })},
		{"ICMP kind and a birth 1 ns later", with(icmpFlow()), with(icmpFlow(), func(f *flow.Document) { f.ICMPKind++; f.Born++ })},
		{"interface and a later birth", with(plain()), with(plain(), func(f *flow.Document) { f.Iface ^= 1; f.Born ^= 1 << 40 })},
		{"tunnel and none", with(tunnelFlow()), with(tunnelFlow(), func(f *flow.Document) { f.Outer = packet.Outer{} })},
		{"tunnel id", with(tunnelFlow()), with(tunnelFlow(), func(f *flow.Document) { f.Outer.ID++ })},
		{"tunnel endpoint", with(tunnelFlow()), with(tunnelFlow(), func(f *flow.Document) { f.Outer.Dst[3]++ })},
		{"tunnel kind", with(tunnelFlow()), with(tunnelFlow(), func(f *flow.Document) { f.Outer.Kind = packet.TunnelGRE })},
		{"protocol without ports in the id", with(plain(), sctp), with(plain(), func(f *flow.Document) { f.Proto = packet.ProtoDCCP })},
		{"SCTP ports exchanged", with(plain(), sctp), with(plain(), sctp, func(f *flow.Document) {
			f.Source.Port, f.Destination.Port = f.Destination.Port, f.Source.Port
		})},
		{"SCTP ports", with(plain(), sctp), with(plain(), sctp, func(f *flow.Document) { f.Source.Port++ })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a, b := flow.ID(tt.a), flow.ID(tt.b); a == b {
				t.Errorf("ID = %s of both; want two", a)
			}
		})
	}
}

func BenchmarkID(b *testing.B) {
	b.ReportAllocs()
	r := &tcpFlow().Record
	for b.Loop() {
		flow.ID(r)
	}
}

// TestKeyOf finds the number of the connection in every identifier that ID makes, and in no
// other text.
func TestKeyOf(t *testing.T) {
	t.Parallel()
	a, _ := packet.AddrFrom(netip.MustParseAddr("2001:db8::1"))
	for _, r := range []*meter.Record{
		{Family: 4, Proto: packet.ProtoTCP, Born: 1},
		{Family: 6, Proto: packet.ProtoUDP, Born: 2, VLANs: 2, Source: meter.Endpoint{Addr: a, Port: 9}},
		{Family: 4, Proto: packet.ProtoICMP, Born: 3, HasMAC: true, ICMPID: 7},
	} {
		if got, ok := flow.KeyOf(flow.ID(r)); !ok || got != flow.Key(r) || got == 0 {
			t.Errorf("KeyOf(%s) = %x, %v; want %x", flow.ID(r), got, ok, flow.Key(r))
		}
	}
	for _, id := range []string{"", "x", "EAT/////AP//////CP8AAAHCWLQGwFi0Bg", strings.Repeat("/", 40), strings.Repeat("A", 64)} {
		if got, ok := flow.KeyOf(id); ok {
			t.Errorf("KeyOf(%q) = %x; want none", id, got)
		}
	}
}
