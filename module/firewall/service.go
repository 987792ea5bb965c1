package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/filewatch"
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

// Deps are what a [Service] needs of others. All but Observe, Refused, Watch and
// Guard are required.
type Deps struct {
	Sink   event.Sink
	Enrich Enrich
	// Observe is called with each verdict before it is published, and must copy what it
	// keeps. It may be nil.
	Observe func(*firewall.Verdict)
	// Local reports whether an address is one of this machine.
	Local func(netip.Addr) bool
	// Captured returns the name of an observation point of the capture.
	Captured func(iface uint32) string
	// Refused is called for each verdict about one flow; nil for nothing.
	Refused func(*firewall.Verdict)
	// Watch reports when a log file may have grown; nil means [filewatch.Watch].
	Watch  filewatch.Func
	Logger *slog.Logger
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
	alarm   alarm             // guarded by mu: when the tracker is to be called
}

// New returns a service that reads nothing yet.
func New(conf Config, deps Deps) *Service {
	s := &Service{conf: conf, deps: deps, begun: time.Now(), links: netstate.NewNames(netstate.NamesConfig{Captured: deps.Captured}),
		earlier: make(chan struct{}, 1), alarm: alarm{due: never}}
	s.tracker = firewall.NewTracker(s.publish)
	s.sources.lastNFLog.Store(int64(-silentAfter)) // the rules have not logged anything yet
	return s
}

// String implements [task.Task].
func (s *Service) String() string { return "firewall verdicts" }

// Run reads the sources until ctx ends and then publishes what is left. It returns an
// error if the tracker panics too often.
func (s *Service) Run(ctx context.Context) error {
	stop := s.read(ctx)
	s.MarkReady()
	part := s.deps.Guard.Part("firewall/tracker")
	s.advance(ctx, part)
	stop()
	for s.forgetAfter(part.Do(nil, func() { s.with(func(t *firewall.Tracker) { t.Flush(s.elapsed()) }) })) {
	}
	return part.Err()
}

// forgetAfter drops the state that has caused a panic of the tracker, if err is one.
func (s *Service) forgetAfter(err error) (panicked bool) {
	if panicked = errors.Is(err, guard.ErrPanic); panicked {
		s.with((*firewall.Tracker).Forget)
	}
	return panicked
}

// elapsed is the time on the tracker's clock.
func (s *Service) elapsed() time.Duration { return time.Since(s.begun) }

// advance calls the tracker when it has something to do, until ctx ends or the part is
// stopped.
func (s *Service) advance(ctx context.Context, part *guard.Part) {
	timer := time.NewTimer(never)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-part.Done():
			return
		case <-s.earlier:
		case <-timer.C:
			s.forgetAfter(part.Do(nil, s.ring))
		}
		timer.Reset(s.arm())
	}
}

// ring calls the tracker, unless the readers have to catch up first.
func (s *Service) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.elapsed(); s.alarm.ring(now) {
		s.tracker.Advance(now)
	}
}

// arm sets the alarm for the moment that the tracker asks for and returns how long that
// is from now.
func (s *Service) arm() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alarm.set(s.tracker.Next()) - s.elapsed()
}

// with calls do with the tracker, which one goroutine at a time may use.
func (s *Service) with(do func(*firewall.Tracker)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.tracker)
	if at, ok := s.tracker.Next(); ok && at < s.alarm.due {
		s.alarm.set(at, true)
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
	if part := s.deps.Guard.Part("firewall/tracker"); part.Armed() {
		part.Probe(fmt.Appendf(nil, "%+v", *v))
	}
	if s.deps.Refused != nil && !v.Coalesced {
		s.deps.Refused(v)
	}
	if s.deps.Observe != nil {
		s.deps.Observe(v)
	}
	s.deps.Sink.Publish(documentOf(s.deps.Enrich, v))
}

// documentOf returns the event of a verdict, with the qubes behind it.
func documentOf(enricher Enrich, v *firewall.Verdict) *Document {
	p := enricher.PartiesOn(v.In, enrich.Observation{FromSource: packet.Inbound, Source: v.Src, Destination: v.Dst,
		SourceSent: v.Src.IsValid(), At: time.Unix(0, v.First)})
	if v.Point == firewall.Antispoof { // also if the attempts had many addresses
		p.Attribution = event.Spoofed
	}
	return &Document{Parties: p, Verdict: *v}
}
