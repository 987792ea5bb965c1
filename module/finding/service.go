package finding

import (
	"context"
	"net/netip"
	"sync/atomic"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// Deps are what a [Service] needs of others. All but Found are required.
type Deps struct {
	Sink event.Sink
	// Resolver reports whether the beat's own resolver, or the one that Qubes
	// redirects to it, is reached at an address.
	Resolver func(netip.Addr) bool
	// Found is called for the flow of a finding; nil for nothing.
	Found func(*event.Flow)
}

// Service looks for flows that deserve a look and publishes findings about them: at
// present DNS that bypasses the resolver.
type Service struct {
	task.Started
	deps     Deps
	once     dnsview.Once
	findings atomic.Uint64
}

// New returns a service.
func New(deps Deps) *Service { return &Service{deps: deps} }

// String implements [task.Task].
func (s *Service) String() string { return "findings" }

// Run waits until ctx ends: flows arrive through [Service.Flow].
func (s *Service) Run(ctx context.Context) error {
	s.MarkReady()
	<-ctx.Done()
	return nil
}

// reasons say in a sentence how each method bypasses the resolver.
var reasons = map[dnsview.Bypass]string{
	dnsview.PlainDNS:   "DNS to a server that is not the resolver",
	dnsview.DNSOverTLS: "DNS over TLS bypasses the resolver",
	dnsview.DNSOverQ:   "DNS over QUIC bypasses the resolver",
	dnsview.DNSOverH:   "DNS over HTTPS bypasses the resolver",
}

// Flow looks at a flow whose qubes and names are known. It is called from one
// goroutine.
func (s *Service) Flow(f *event.Flow) {
	if !f.OfClient() {
		return
	}
	method := dnsview.Classify(f, s.deps.Resolver)
	if method == dnsview.None {
		return
	}
	client, dst := f.Source.Addr.Netip(f.Family), f.Destination.Addr.Netip(f.Family)
	use := dnsview.Use{Iface: f.Iface, Spoofed: f.Attribution == event.Spoofed, Client: client, Server: dst, Bypass: method}
	count, first := s.once.First(use, f.Start, f.End)
	if !first {
		return
	}
	s.findings.Add(1)
	if s.deps.Found != nil {
		s.deps.Found(f)
	}
	s.deps.Sink.Publish(bypass(f, method, client, dst, count))
}

// bypass returns the finding about a flow around the resolver.
func bypass(f *event.Flow, method dnsview.Bypass, client, dst netip.Addr, count uint64) *Document {
	d := &Document{Parties: f.Parties, At: f.Start, Kind: "dns-bypass", Method: string(method), Reason: reasons[method], Transport: "udp",
		Source: netip.AddrPortFrom(client, f.Source.Port), Destination: netip.AddrPortFrom(dst, f.Destination.Port),
		FlowID: flow.ID(f.Metered()), Count: count, ServerName: f.Domain}
	if f.Proto == packet.ProtoTCP {
		d.Transport = "tcp"
	}
	if f.Hello != nil && f.Hello.ServerName != "" {
		d.ServerName = f.Hello.ServerName
	}
	return d
}

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	m.Group("findings")
	m.Add("published", s.findings.Load())
}
