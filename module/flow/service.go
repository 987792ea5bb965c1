package flow

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/hello"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/source"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Replay says which capture files are read, and how.
type Replay = source.Replay

// Config holds the settings of a [Service].
type Config struct {
	Flows      config.Flows
	Interfaces []config.Interface // at least one
	Replay     Replay             // without files the capture is live
	// Dump is the prefix of pcap files that get every frame, "" for none.
	Dump string
	// ClientHellos has the service read what TLS and QUIC clients say first.
	ClientHellos bool
	// Hold is how long the flow of a client that the inventory does not know yet is
	// held back; 0 means not at all.
	Hold time.Duration
}

// Live reports whether packets come from interfaces and not from files.
func (c *Config) Live() bool { return len(c.Replay.Files) == 0 }

// Deps are what a [Service] needs of others. All but Guard are required.
type Deps struct {
	Outlet   event.Outlet
	Enricher *enrich.Enricher
	Logger   *slog.Logger
	// Guard recovers from panics at one packet or record. It may be nil.
	Guard *guard.Keeper
}

// Service captures packets, meters them into flows and publishes the flows, and
// shows packets and flows to other parts on their way.
type Service struct {
	task.Started
	conf Config
	deps Deps

	observers []pipeline.Tap      // of packets
	annotate  []func(*event.Flow) // called in this order before a flow is published
	payload   *capture.SnapPolicy // that the observers want, nil for none
	headers   bool                // the observers want the headers of every packet
	keeper    Keeper              // nil for none
	judge     pipeline.Judge      // nil for none
	gauge     pipeline.Gauge      // nil for none
	shunt     *shunting           // nil in a replay and before Open
	watcher   pipeline.Watcher    // nil for none
	hellos    *hello.Table        // nil without ClientHellos
	stages    *stages             // nil before Open
	cut       atomic.Bool         // stopped before the end of the source
	stop      chan struct{}       // closed when Run's context ends
}

// New returns a service that captures nothing yet.
func New(conf Config, deps Deps) *Service {
	s := &Service{conf: conf, deps: deps, stop: make(chan struct{})}
	if conf.ClientHellos {
		s.hellos = hello.New()
	}
	return s
}

// ObservePackets adds an observer of packets, which runs in the meter's goroutine.
// It must be called before Open.
func (s *Service) ObservePackets(o pipeline.Tap) { s.observers = append(s.observers, o) }

// JudgePackets has a judge get every packet with its flow. It must be called before Open.
func (s *Service) JudgePackets(j pipeline.Judge) { s.judge = j }

// ObserveFlows adds a function that is called with each flow, its qubes known, before
// it is published; it may fill in fields. It must be called before Open.
func (s *Service) ObserveFlows(f func(*event.Flow)) { s.annotate = append(s.annotate, f) }

// WantPayload has the capture keep whole packets from or to the ports, and ICMP, for
// the observers, in addition to what was wanted before. It must be called before Open.
func (s *Service) WantPayload(tcp, udp []uint16, icmp bool) {
	if s.payload == nil {
		s.payload = &capture.SnapPolicy{}
	}
	s.payload.TCPPorts, s.payload.UDPPorts = union(s.payload.TCPPorts, tcp), union(s.payload.UDPPorts, udp)
	s.payload.ICMP = s.payload.ICMP || icmp
}

// union returns what is in a or b, in that order.
func union(a, b []uint16) []uint16 {
	for _, port := range b {
		if !slices.Contains(a, port) {
			a = append(a, port)
		}
	}
	return a
}

// Watcher is shown packets and what happens in flows, in the meter's goroutine.
type Watcher interface {
	pipeline.Tap
	pipeline.Watcher
}

// Watch adds the watcher, of which there is at most one. It must be called before Open, and
// needs flows.
func (s *Service) Watch(w Watcher) {
	s.observers, s.watcher = append(s.observers, w), w
}

// PeekHello returns the ClientHello of a flow, nil if it is not known or none are read. It
// is safe for concurrent use.
func (s *Service) PeekHello(r *meter.Record) *clienthello.Hello {
	if s.hellos == nil {
		return nil
	}
	return s.hellos.Peek(r)
}

// WantHeaders has the capture keep the headers of every packet for the observers, without
// flows, too. It must be called before Open.
func (s *Service) WantHeaders() { s.headers = true }

// Keeper is a [pipeline.Keeper] that follows the interfaces.
type Keeper interface {
	pipeline.Keeper
	// Snap returns how many bytes of each frame are wanted.
	Snap() uint32
	// Wants reports whether it wants every frame of an interface now. It is called often, in
	// the meter's goroutine: the packets of flows that move bulk on other interfaces may be
	// counted in the kernel, and not come to Keep.
	Wants(iface uint32) bool
	// Gone is called when an interface is not captured any more.
	Gone(iface uint32)
}

// KeepPackets has a keeper get every frame that it wants of a live capture. It must be called before
// Open, at most once, and needs flows.
func (s *Service) KeepPackets(k Keeper) { s.keeper = k }

// GaugePackets has a gauge count what is metered. It must be called before Open, at most once.
func (s *Service) GaugePackets(g pipeline.Gauge) { s.gauge = g }

// Open opens the source. What cannot be captured is reported here.
func (s *Service) Open() (err error) {
	s.stages, err = s.open()
	return err
}

// String implements [task.Task].
func (s *Service) String() string { return "flow metering" }

// Run meters until ctx or the source ends and returns when every flow has been
// published.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { close(s.stop) })()
	s.deps.Guard.Part(publisherPart).OnStop(ctx, cancel) // no flow would be published
	p := s.stages
	var unpublished error
	published := make(chan struct{})
	go func() {
		defer close(published)
		unpublished = p.publisher.Run(ctx) // it goes on until the meter has closed the queue
	}()
	s.MarkReady()
	fault := p.meter.Run(ctx)
	s.cut.Store(ctx.Err() != nil)
	fault = errors.Join(fault, p.closeDump())
	<-published
	return errors.Join(fault, unpublished, s.closeSource())
}

// closeSource closes the capture and the shunt, both at once: the kernel takes some 20 ms
// for the socket of each.
func (s *Service) closeSource() error {
	shunted := make(chan error, 1)
	go func() { shunted <- s.shunt.close() }()
	return errors.Join(s.stages.source.Close(), <-shunted)
}

// InterfaceName returns the name of an observation point, "" if it has none or the
// source is not open yet. It is safe for concurrent use after Open.
func (s *Service) InterfaceName(iface uint32) string {
	if s.stages == nil {
		return ""
	}
	return s.stages.source.Interfaces().Name(iface)
}

// Wake has the meter call the gauge soon. It does nothing before Open, and is safe for
// concurrent use after it.
func (s *Service) Wake() {
	if s.stages != nil {
		s.stages.meter.Wake()
	}
}

// ServerName returns the name that a client has asked a server for in TLS or QUIC, "" if it
// is not known or not looked for. It is safe for concurrent use.
func (s *Service) ServerName(iface uint32, proto uint8, client, server netip.AddrPort) string {
	if s.hellos == nil {
		return ""
	}
	return s.hellos.ServerName(iface, proto, client, server)
}

// KernelDrops returns how many frames the kernel has dropped, 0 before Open. It is safe
// for concurrent use after Open.
func (s *Service) KernelDrops() uint64 {
	if s.stages == nil {
		return 0
	}
	return s.stages.source.Stats().KernelDrops
}

// HasVif reports whether the vif of a Xen domain is an observation point. It is safe
// for concurrent use after Open.
func (s *Service) HasVif(domid int32) bool { return s.stages != nil && s.stages.source.HasVif(domid) }

// Undelivered returns how many flows were left behind at the end, without those that
// the outlet has taken.
func (s *Service) Undelivered() uint64 {
	p := s.stages.publisher.Stats()
	q := s.stages.queue.Stats()
	return uint64(q.Waiting) + inHand(&q, &p) + p.Held + q.FinalDropped
}
