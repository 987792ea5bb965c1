package top

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// t0 is the time of the first packet of the tests.
const t0 = int64(1_700_000_000e9)

// datagram returns a packet of an interface with 100 bytes on the wire: sent by the qube, or
// to it.
func datagram(iface uint32, side int, local, remote string) packet.Packet {
	l, r := netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)
	p := packet.Packet{Time: t0, Length: 100, Iface: iface, Direction: packet.Inbound, Proto: packet.ProtoUDP, HasL4: true}
	p.Src, p.Family = packet.AddrFrom(l.Addr())
	p.Dst, _ = packet.AddrFrom(r.Addr())
	p.SrcPort, p.DstPort = l.Port(), r.Port()
	if side == received {
		p.Direction, p.Src, p.Dst, p.SrcPort, p.DstPort = packet.Outbound, p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	return p
}

// fakeFlows are two vifs, of which the second may be gone, and a meter that answers at once.
type fakeFlows struct {
	s      *Service
	names  map[uint32]string
	gone   atomic.Bool // vif7.0
	silent bool        // the meter does not answer
}

var _ Flows = (*fakeFlows)(nil) // type check

func (f *fakeFlows) Wake() {
	if !f.silent {
		f.s.gauge.Share()
	}
}

func (f *fakeFlows) InterfaceName(iface uint32) string { return f.names[iface] }
func (f *fakeFlows) HasVif(domid int32) bool           { return domid != 7 || !f.gone.Load() }
func (f *fakeFlows) KernelDrops() uint64               { return 42 }

func (f *fakeFlows) ServerName(_ uint32, proto uint8, _, server netip.AddrPort) string {
	if proto == packet.ProtoUDP && server == netip.MustParseAddrPort("192.0.2.9:443") {
		return "sni.example"
	}
	return ""
}

// inventory has work on vif4.0 and untrusted on vif7.0.
type inventory struct{ qubes []*qube.Qube }

func newInventory() *inventory {
	return &inventory{[]*qube.Qube{
		{Name: "work", Label: "blue", Class: "AppVM", NetVM: "sys-log", IP: netip.MustParseAddr("10.137.0.6"), XID: 4},
		{Name: "untrusted", Label: "red", Class: "DispVM", NetVM: "sys-log", IP: netip.MustParseAddr("10.137.0.9"), XID: 7},
	}}
}

func (n *inventory) ByDomain(domid int32, _ time.Time) *qube.Qube {
	for _, q := range n.qubes {
		if q.XID == domid {
			return q
		}
	}
	return nil
}

func (n *inventory) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	for _, q := range n.qubes {
		if q.Owns(a) {
			return q
		}
	}
	return nil
}

// newService returns a service with a resolver and a firewall, whose socket is in a folder of
// its own.
func newService(t testing.TB) (*Service, *fakeFlows) {
	t.Helper()
	flows := &fakeFlows{names: map[uint32]string{1: "vif4.0", 2: "vif7.0", 3: "vif9.0"}}
	flows.s = New(Config{Top: config.Top{Enabled: true}, DataDir: t.TempDir(), Resolver: true, Firewall: true}, Deps{Flows: flows, Verdict: func(iface string) string { return "of " + iface },
		Enrich: &enrich.Enricher{Qubes: newInventory()}, Logger: slog.New(slog.DiscardHandler),
		Resolved: func(client, addr netip.Addr, _ int64) string {
			if client == netip.MustParseAddr("10.137.0.6") && addr == netip.MustParseAddr("198.51.100.7") {
				return "www.example.org"
			}
			return ""
		}})
	return flows.s, flows
}

// watch makes the service count peers, as if someone had looked.
func (s *Service) watch(t *testing.T) {
	t.Helper()
	if _, err := s.Top(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}
