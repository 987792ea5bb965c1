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
	"github.com/qubesbeat/qubesbeat/internal/guard"
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

// Deps are what a [Service] needs of others. All but Guard are required.
type Deps struct {
	Sink   event.Sink
	Enrich Enrich
	// Local reports whether an address is one of this machine.
	Local func(netip.Addr) bool
	// Captured returns the name of an observation point of the capture.
	Captured func(iface uint32) string
	Logger   *slog.Logger
	// Guard recovers from panics at one message, line or verdict. It may be nil.
	Guard *guard.Keeper
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

	earlier chan struct{} // gets a value when due has moved forward

	mu      sync.Mutex
	tracker *firewall.Tracker // guarded by mu
	due     time.Duration     // guarded by mu: when the tracker is to be called
}

// New returns a service that reads nothing yet.
func New(conf Config, deps Deps) *Service {
	s := &Service{conf: conf, deps: deps, begun: time.Now(), links: netstate.NewNames(netstate.NamesConfig{Captured: deps.Captured}),
		earlier: make(chan struct{}, 1), due: never}
	s.tracker = firewall.NewTracker(s.publish)
	return s
}

// String implements [task.Task].
func (s *Service) String() string { return "firewall verdicts" }

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

// standstill is how late the tracker may be called. After more than that, the whole
// process has stood still.
const standstill = firewall.AdvanceInterval

// advance calls the tracker when it has something to do, until ctx ends. After a
// standstill it lets one interval pass, in which the readers catch up: attempts would
// count as refused whose acceptance was logged but not read yet.
func (s *Service) advance(ctx context.Context) {
	part := s.deps.Guard.Part("firewall/tracker")
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for caughtUp := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.earlier:
		case <-timer.C:
			if now := s.elapsed(); now > s.armed()+standstill && !caughtUp {
				caughtUp = true
				timer.Reset(firewall.AdvanceInterval)
				continue
			}
			caughtUp = false
			_ = part.Do(nil, func() { s.with(func(t *firewall.Tracker) { t.Advance(s.elapsed()) }) })
		}
		timer.Reset(s.arm())
	}
}

// never is later than anything that a tracker waits for.
const never = time.Duration(1) << 62

// arm notes when the tracker is to be called next and returns how long that is from
// now.
func (s *Service) arm() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.tracker.Next()
	if !ok {
		at = never
	}
	s.due = at
	return max(0, at-s.elapsed())
}

func (s *Service) armed() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due
}

// with calls do with the tracker, which one goroutine at a time may use.
func (s *Service) with(do func(*firewall.Tracker)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.tracker)
	if at, ok := s.tracker.Next(); ok && at < s.due {
		s.due = at
		select {
		case s.earlier <- struct{}{}:
		default:
		}
	}
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
