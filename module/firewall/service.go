package firewall

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/netstate"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Config holds the settings of a [Service].
type Config struct{ config.Firewall }

// Enrich finds the qubes behind what a packet filter has seen.
type Enrich interface {
	PartiesOn(iface string, s enrich.Observation) event.Parties
}

// Deps are what a [Service] needs of others. All are required.
type Deps struct {
	Sink   event.Sink
	Enrich Enrich
	// Local reports whether an address is one of this machine.
	Local func(netip.Addr) bool
	// Captured returns the name of an observation point of the capture.
	Captured func(iface uint32) string
	Logger   *slog.Logger
}

// Service reads what the packet filter logs and publishes verdicts: which connection
// attempts were refused.
type Service struct {
	task.Started
	conf    Config
	deps    Deps
	begun   time.Time
	links   *netstate.Names // of interfaces
	sources sources

	mu      sync.Mutex
	tracker *firewall.Tracker // guarded by mu
}

// New returns a service that reads nothing yet.
func New(conf Config, deps Deps) *Service {
	s := &Service{conf: conf, deps: deps, begun: time.Now(), links: netstate.NewNames(netstate.NamesConfig{Captured: deps.Captured})}
	s.tracker = firewall.NewTracker(s.publish)
	return s
}

// String implements [task.Task].
func (s *Service) String() string { return "firewall verdicts" }

// advanceEvery is how often verdicts are looked at. They wait for seconds.
const advanceEvery = 250 * time.Millisecond

// Run reads the sources until ctx ends and then publishes what is left.
func (s *Service) Run(ctx context.Context) error {
	stop := s.read(ctx)
	s.MarkReady()
	s.advance(ctx)
	stop()
	s.with(func(t *firewall.Tracker) { t.Flush(s.elapsed()) })
	return nil
}

// elapsed is the time on the tracker's clock.
func (s *Service) elapsed() time.Duration { return time.Since(s.begun) }

// advance has the tracker publish what is ready, until ctx ends. After a standstill,
// such as a suspend, it lets one turn pass, in which the readers catch up: verdicts
// that were made before would count as refused what was only not read yet.
func (s *Service) advance(ctx context.Context) {
	ticker := time.NewTicker(advanceEvery)
	defer ticker.Stop()
	last, caughtUp := time.Now(), true
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now()
			if caughtUp = !caughtUp || now.Sub(last) < 2*advanceEvery; caughtUp {
				s.with(func(t *firewall.Tracker) { t.Advance(s.elapsed()) })
			}
			last = now
		}
	}
}

// with calls do with the tracker, which one goroutine at a time may use.
func (s *Service) with(do func(*firewall.Tracker)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.tracker)
}

func (s *Service) observe(o *firewall.Observation) {
	s.with(func(t *firewall.Tracker) { t.Observe(o, s.elapsed()) })
}

// publish hands a verdict on. By then dom0's push has come, for verdicts wait longer
// than it takes.
func (s *Service) publish(v *firewall.Verdict) {
	p := s.deps.Enrich.PartiesOn(v.In, enrich.Observation{FromSource: packet.Inbound, Source: v.Src, Destination: v.Dst,
		SourceSent: v.Src.IsValid(), At: time.Unix(0, v.First)})
	if v.Point == firewall.Antispoof { // also if the attempts had many addresses
		p.Attribution = event.Spoofed
	}
	s.deps.Sink.Publish(&Document{Parties: p, Verdict: *v})
}
