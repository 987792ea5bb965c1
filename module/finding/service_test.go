package finding_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

type sink struct{ documents []*finding.Document }

func (s *sink) Publish(d event.Document) { s.documents = append(s.documents, d.(*finding.Document)) }

var work = &qube.Qube{Name: "work", Label: "blue", IP: netip.MustParseAddr("10.137.0.6"), XID: 7}

// outbound returns a flow of work to a destination.
func outbound(to string, proto uint8, sni string) *event.Flow {
	dst := netip.MustParseAddrPort(to)
	f := &event.Flow{Parties: event.Parties{Qube: work, SourceQube: work, Client: work.IP, Direction: event.Outbound}}
	f.Proto, f.Start = proto, 1_700_000_000e9
	f.Source.Addr, f.Family = packet.AddrFrom(work.IP)
	f.Source.Port = 40000
	f.Destination.Addr, _ = packet.AddrFrom(dst.Addr())
	f.Destination.Port = dst.Port()
	if sni != "" {
		f.Hello = &clienthello.Hello{ServerName: sni}
	}
	return f
}

func newService() (*finding.Service, *sink) {
	out := &sink{}
	resolver := netip.MustParseAddr("10.139.1.1")
	return finding.New(finding.Deps{Sink: out, Resolver: func(a netip.Addr) bool { return a == resolver }}), out
}

// TestService_Flow finds the flows that bypass the resolver, each kind once.
func TestService_Flow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		flow   *event.Flow
		method string // "" for no finding
		host   string
	}{
		{"the resolver itself", outbound("10.139.1.1:53", packet.ProtoUDP, ""), "", ""},
		{"another DNS server", outbound("8.8.8.8:53", packet.ProtoUDP, ""), "dns", ""},
		{"DNS over TLS", outbound("192.0.2.1:853", packet.ProtoTCP, "dns.example"), "dot", "dns.example"},
		{"DNS over HTTPS", outbound("192.0.2.1:443", packet.ProtoTCP, "dns.google"), "doh", "dns.google"},
		{"a web server", outbound("192.0.2.1:443", packet.ProtoTCP, "www.example"), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, out := newService()
			for range 3 {
				s.Flow(tt.flow)
			}
			if tt.method == "" {
				if len(out.documents) != 0 {
					t.Fatalf("found %+v; want nothing", out.documents[0])
				}
				return
			}
			if len(out.documents) != 1 {
				t.Fatalf("%d findings; want one", len(out.documents))
			}
			d := out.documents[0]
			if d.Method != tt.method || d.ServerName != tt.host || d.Qube != work || d.Reason == "" || d.FlowID == "" {
				t.Errorf("finding = %+v; want %s to %q by work", d, tt.method, tt.host)
			}
			if c := metrics.Collect(s); len(c) != 1 || c[0].Value != 1 {
				t.Errorf("metrics = %v; want one finding", c)
			}
		})
	}
}

// TestService_Flow_others leaves alone what no client has begun.
func TestService_Flow_others(t *testing.T) {
	t.Parallel()
	s, out := newService()
	inbound := outbound("8.8.8.8:53", packet.ProtoUDP, "")
	inbound.Direction = event.Inbound
	s.Flow(inbound)
	nobody := outbound("8.8.8.8:53", packet.ProtoUDP, "")
	nobody.SourceQube, nobody.Client = nil, netip.Addr{}
	s.Flow(nobody)
	if len(out.documents) != 0 {
		t.Errorf("found %+v; want nothing", out.documents)
	}
}

// TestAttack08_service reports what a qube does although another has forged the same.
func TestAttack08_service(t *testing.T) {
	t.Parallel()
	s, out := newService()
	attacker := &qube.Qube{Name: "attacker", XID: 6}
	forged := outbound("8.8.8.8:53", packet.ProtoUDP, "") // from the address of work
	forged.Iface, forged.Qube, forged.SourceQube, forged.Attribution = 6, attacker, attacker, event.Spoofed
	genuine := outbound("8.8.8.8:53", packet.ProtoUDP, "")
	genuine.Iface = 7
	s.Flow(forged)
	for i := range int64(5) { // flows end in another order than they begin
		genuine.Start -= i
		s.Flow(genuine)
	}
	if len(out.documents) != 2 || out.documents[0].Qube != attacker || out.documents[1].Qube != work {
		t.Errorf("%d findings; want one of the attacker and one of work", len(out.documents))
	}
}

// TestService_Run blocks until its context ends.
func TestService_Run(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		<-s.Ready()
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("Run has returned before its context ended")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
