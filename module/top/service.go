// Package top counts what `qubesbeat top` shows: packets, flows, queries, verdicts and
// findings of each interface, and answers over a socket.
package top

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Config holds the settings of a [Service].
type Config struct {
	config.Top
	DataDir string // where the socket is if the configuration names none
	// Resolver and Firewall report whether queries and verdicts are counted.
	Resolver, Firewall bool
}

// Flows is what the service asks the metering of flows.
type Flows interface {
	// Wake has the meter call the gauge soon.
	Wake()
	// InterfaceName returns the name of an observation point.
	InterfaceName(iface uint32) string
	// HasVif reports whether the vif of a Xen domain is captured.
	HasVif(domid int32) bool
	// ServerName returns the name that a client has asked a server for in TLS or QUIC, ""
	// if it is not known.
	ServerName(iface uint32, proto uint8, client, server netip.AddrPort) string
	// KernelDrops returns how many frames the kernel has dropped.
	KernelDrops() uint64
}

// Enrich finds the qube of an interface or an address.
type Enrich interface {
	PartiesOn(iface string, o enrich.Observation) event.Parties
}

// Deps are what a [Service] needs of others. All but Resolved and Guard are required.
type Deps struct {
	Flows  Flows
	Enrich Enrich
	// Resolved returns the name that a client had resolved to an address at a time, "" if
	// none. It may be nil.
	Resolved func(client, addr netip.Addr, at int64) string
	// Verdict returns what the verdicts on the qube of an interface come to, in a word, "" if there
	// is none. It may be nil.
	Verdict func(iface string) string
	Logger  *slog.Logger
	// Guard recovers from panics at one request. It may be nil.
	Guard *guard.Keeper
}

// Service counts, and answers `qubesbeat top` over its socket. Without the socket the beat
// goes on.
type Service struct {
	task.Started
	conf    Config
	deps    Deps
	started time.Time
	gauge   *gauge
	tallies tallies
	served  atomic.Uint64 // snapshots

	asking sync.Mutex
	ifaces map[string]uint32 // guarded by asking: numbers of the last snapshot's interfaces
	forget []uint32          // guarded by asking: interfaces that are gone for good
}

// New returns a service that listens nowhere yet.
func New(conf Config, deps Deps) *Service {
	return &Service{conf: conf, deps: deps, started: time.Now(), gauge: newGauge(), ifaces: map[string]uint32{}}
}

// Gauge returns what the meter has to call.
func (s *Service) Gauge() pipeline.Gauge { return s.gauge }

// String implements [task.Task].
func (s *Service) String() string { return "live view" }

// Socket returns the path of the socket.
func Socket(c *config.Top, dataDir string) string {
	if c.Socket != "" {
		return c.Socket
	}
	return filepath.Join(dataDir, "top.sock")
}

// Run answers until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	server, err := control.Listen(control.Config{Path: Socket(&s.conf.Top, s.conf.DataDir), Top: s, Guard: s.deps.Guard.Part("top/control")})
	s.MarkReady()
	if err != nil {
		s.deps.Logger.Warn("the socket of `qubesbeat top` cannot be made; the beat goes on without it", "error", err.Error())
		<-ctx.Done()
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(); err != nil {
			s.deps.Logger.Warn("`qubesbeat top` is not served", "error", err.Error())
		}
	}()
	<-ctx.Done()
	close(s.gauge.stopped)
	if err := server.Close(); err != nil {
		s.deps.Logger.Warn("closing the socket of `qubesbeat top`", "error", err.Error())
	}
	<-done
	return nil
}

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	m.Group("top")
	m.Add("snapshots", s.served.Load())
	m.Add("evicted", s.gauge.evicted.Load()+s.tallies.lost())
}

var (
	_ control.Top = (*Service)(nil) // type check
	_ task.Task   = (*Service)(nil) // type check
)
