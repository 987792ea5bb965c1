package finding

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Config holds the settings of a [Service].
type Config struct {
	Detect config.Detect
	// Live says that packets come from interfaces: the state is kept, and what finds no
	// room is dropped.
	Live bool
	// Qubes says that there is an inventory.
	Qubes bool
	// DataDir has the state, unless it is "".
	DataDir string
	// Hold is how long what a qube does waits until dom0 has named it.
	Hold time.Duration
}

// Deps are what a [Service] needs of others. Sink, Enricher and Logger are required.
type Deps struct {
	Sink     event.Sink
	Enricher *enrich.Enricher
	// Resolver reports whether the beat's own resolver, or the one that Qubes redirects to
	// it, is reached at an address. It may be nil; DNS that bypasses it is not looked for
	// then.
	Resolver func(netip.Addr) bool
	// Found is called with both ends of the flow of a finding. It may be nil.
	Found func(source, destination netip.AddrPort, proto uint8)
	// Local reports whether an address is one of this machine. It may be nil.
	Local func(netip.Addr) bool
	// Country returns the country in which an address is registered, "" if it is not known. It
	// may be nil.
	Country func(netip.Addr) string
	Logger  *slog.Logger
	// Guard recovers from panics, after which the detection ends. It may be nil.
	Guard *guard.Keeper
}

// Service looks for what is odd and publishes findings about it.
type Service struct {
	task.Started
	conf    Config
	deps    Deps
	guard   *guard.Part
	queue   *detect.Queue
	feed    *detect.Feed // belongs to the meter's goroutine
	allowed []allowed

	mu         sync.Mutex
	engine     *behaviour.Engine  // guarded by mu
	translator *detect.Translator // belongs to Run
	failing    failing            // belongs to Run
	recent     recent             // guarded by mu
	saved      int64              // packet time at which the state was written
	saveFailed bool
	dead       bool             // the detection has panicked
	waited     map[uint32]int64 // by interface: until when its clients are known not to be named

	published, lost atomic.Uint64
	stats           atomic.Pointer[behaviour.Stats]
}

// New returns a service that has seen nothing.
func New(conf Config, deps Deps) *Service {
	s := &Service{conf: conf, deps: deps, guard: deps.Guard.Part("detect/engine"), allowed: newAllowed(conf.Detect.Allow), waited: map[uint32]int64{}, failing: failing{}}
	s.queue = detect.NewQueue(!conf.Live)
	s.translator = detect.NewTranslator(detect.Config{Enricher: deps.Enricher, Qubes: conf.Qubes, Resolver: deps.Resolver, Local: deps.Local,
		EachDisposable: conf.Detect.Disposables == "each"})
	s.engine = behaviour.New(s.engineConfig([2]uint64{}))
	s.stats.Store(&behaviour.Stats{})
	return s
}

// engineConfig translates the settings.
func (s *Service) engineConfig(key [2]uint64) behaviour.Config {
	d := &s.conf.Detect
	c := behaviour.Defaults()
	c.Report, c.Allowed, c.Key = s.report, s.isAllowed, key
	c.Learn = baseline.Learning{Span: int64(d.Learn.D()), Days: min(3, 1+int(d.Learn.D()/(24*time.Hour))), Uses: 200}
	c.Country = s.deps.Country
	c.Settle, c.Repeat, c.Forget, c.Samples = int64(d.Settle.D()), int64(d.Repeat.D()), int64(d.Forget.D()), d.Samples
	c.Level, _ = behaviour.ParseLevel(d.Level)
	for _, id := range d.Disable {
		if r, ok := behaviour.ParseRule(id); ok {
			c.Off[r] = true
		}
	}
	if s.conf.Live {
		c.Offset = localOffset()
	}
	c.Disposable = func(subject string) bool { return len(subject) > 5 && subject[:5] == "disp:" }
	return c
}

// localOffset returns a function that returns how far the clock on the wall is ahead of UTC at a time, in
// nanoseconds. It looks that up once for each hour.
func localOffset() func(at int64) int64 {
	hour, offset := int64(-1), int64(0)
	return func(at int64) int64 {
		if h := at / 3600e9; h != hour {
			_, seconds := time.Unix(0, at).Zone()
			hour, offset = h, int64(seconds)*int64(time.Second)
		}
		return offset
	}
}

// Feed returns what collects items in the meter's goroutine. hello returns the ClientHello
// of a flow and may be nil.
func (s *Service) Feed(hello func(*flow.Record) *clienthello.Hello) *detect.Feed {
	s.feed = detect.NewFeed(s.queue.Push, hello)
	return s.feed
}

// Verdict takes a refused connection, with the name of its interface. It is safe for
// concurrent use. A nil *Service takes nothing.
func (s *Service) Verdict(v *firewall.Verdict) {
	if s == nil {
		return
	}
	s.queue.Push(detect.Item{At: v.First, Other: &detect.Refusal{Verdict: *v}})
}

// Verified takes the verdict on a check of the verification, such as VPN-4, about the qube of
// an interface: what fails is evidence of the findings that come after it. It must be called in
// the meter's goroutine. A nil *Service, and one without a feed, takes nothing.
func (s *Service) Verified(iface, check string, fails bool, at int64) {
	if s == nil || s.feed == nil || iface == "" {
		return
	}
	s.feed.Verified(detect.Check{Vif: iface, ID: check, Fails: fails}, at)
}

// Open reads the state of the last run.
func (s *Service) Open() error {
	if s.conf.DataDir == "" {
		return nil
	}
	key, err := readKey(s.conf.DataDir)
	if err != nil { // learning goes on without it, until the next start
		s.deps.Logger.Warn("the baselines are not kept", "error", err.Error())
		s.conf.DataDir = ""
		return nil
	}
	conf := s.engineConfig(key)
	s.engine = behaviour.New(conf)
	s.restore(conf)
	s.restoreRecent()
	return nil
}

// String implements [task.Task].
func (s *Service) String() string { return "findings" }

// isAllowed reports whether the configuration expects a finding. It is called by the engine.
func (s *Service) isAllowed(f *behaviour.Finding) bool {
	c, _ := f.Context.(*detect.Current)
	for i := range s.allowed {
		if s.allowed[i].matches(f, c) {
			return true
		}
	}
	return false
}

// report publishes a finding. It is called by the engine.
func (s *Service) report(f *behaviour.Finding) {
	c, ok := f.Context.(*detect.Current)
	if !ok {
		return
	}
	d := newDocument(f, c)
	s.recent.add(d)
	s.published.Add(1)
	if s.deps.Found != nil && d.Source.IsValid() && d.Destination.IsValid() {
		s.deps.Found(d.Source, d.Destination, d.Proto)
	}
	s.deps.Sink.Publish(d)
}
