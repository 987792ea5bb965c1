package verify

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
	"github.com/qubesbeat/qubesbeat/internal/task"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// Config holds the settings of a [Service].
type Config struct {
	config.Verify
	Live      bool     // as opposed to a replay, in which the rules of this machine say nothing
	DataDir   string   // where the socket and the claims are
	QubesDB   string   // socket of QubesDB
	Upstreams []string // that this machine's resolver asks, as in the configuration
	Inventory string   // the inventory's file, "" if there is none
	Self      string   // the name of this qube, "" if it is not known
}

// Deps are what a [Service] needs of others. All but Guard and Judged are required.
type Deps struct {
	Sink      event.Sink
	Enricher  *enrich.Enricher
	Inventory *inventory.Index
	HasVif    func(domid int32) bool
	Local     func(netip.Addr) bool
	// LocalChanges counts the changes of what Local returns. It may be nil if there are none.
	LocalChanges func() uint64
	KernelDrops  func() uint64
	Logger       *slog.Logger
	// Judged is called with each result that is reported, in the meter's goroutine. It may be
	// nil.
	Judged func(*judge.Result)
	// Guard recovers from panics at one call. It may be nil.
	Guard *guard.Keeper
}

// Service verifies.
type Service struct {
	task.Started
	conf     Config
	deps     Deps
	expected *expectations
	observer *observer
	rules    rulesReader
	reported atomic.Uint64
	summary  summary
	claiming sync.Mutex       // held while a claim is taken and written
	receiver *qrexec.Receiver // nil unless dom0 may announce probes
}

// New returns a service that has not seen a packet. It returns an error if a file with
// relays cannot be read.
func New(conf Config, deps Deps) (*Service, error) {
	expected, err := newExpectations(&conf.Verify)
	if err != nil {
		return nil, err
	}
	s := &Service{conf: conf, deps: deps, expected: expected}
	s.rules.conf, s.rules.log = &s.conf, deps.Logger
	s.observer = newObserver(judge.Config{World: world{&s.deps, conf.Live}, Report: s.report, Window: conf.Window.D(), Hold: conf.Hold.D(), Period: conf.Period.D(),
		Unordered: !conf.Live},
		deps.KernelDrops)
	s.readClaims(s.observer.verifier)
	s.observer.set(s.environment())
	if conf.Live && conf.Probes.Enabled {
		s.receiver, err = s.listen()
	}
	return s, err
}

// Judge returns what looks at packets, in the meter's goroutine.
func (s *Service) Judge() pipeline.Judge { return s.observer }

// String implements [task.Task].
func (s *Service) String() string { return "verification" }

// rulesEvery is the time between two looks at the rules and at what is attached.
const rulesEvery = 10 * time.Second

// Run reads the rules and answers the commands until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	s.MarkReady()
	if !s.conf.Live {
		<-ctx.Done()
		return nil
	}
	defer s.serve()()
	defer s.receive(ctx)()
	changed := make(chan struct{}, 1)
	var followers sync.WaitGroup
	followers.Go(func() { s.rules.follow(ctx, changed) })
	followers.Go(func() { s.rules.followNft(ctx, changed) })
	defer followers.Wait()
	tick := time.NewTicker(rulesEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.rules.read(ctx)
		s.observer.set(s.environment())
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-changed:
			pause(ctx, settleFor)
		}
	}
	return nil
}

// settleFor is how long a change of the rules waits for the next ones: those who change them make
// several transactions.
const settleFor = 200 * time.Millisecond

// Renew takes a changed inventory. It is safe for concurrent use.
func (s *Service) Renew() { s.observer.set(s.environment()) }

// environment returns what packets do not show, as of now.
func (s *Service) environment() *judge.Environment {
	rules := s.rules.snapshot()
	hasVif, above := s.deps.HasVif, namesAbove(s.deps.Inventory, s.conf.Self)
	e := &judge.Environment{Expect: s.expected.lookup(rules), Allow: s.expected.allow, Ports: s.conf.Isolation.Ports, Upstreams: upstreams(s.conf.Upstreams),
		DoH: dnsview.OffersHTTPS, Ruleset: rules.nft, Domains: s.deps.Inventory.HasDomains(), NoIP6: !s.deps.Inventory.HasIP6(), Stale: s.isStale(time.Now()),
		Missing: s.expected.missing(s.deps.Inventory, hasVif, above, s.conf.Live)}
	if rules.firewall != nil {
		e.Rules = func(a netip.Addr) *judge.Rules { return rules.firewall[a] }
	}
	return e
}

// isStale reports whether the inventory is older than it may be. What it says of a replay's qubes
// does not age.
func (s *Service) isStale(now time.Time) bool {
	if s.conf.InventoryAge <= 0 || !s.conf.Live || s.conf.Inventory == "" {
		return false
	}
	info, err := os.Stat(s.conf.Inventory)
	return err != nil || now.Sub(info.ModTime()) > s.conf.InventoryAge.D()
}

// report publishes a result. It is called in the meter's goroutine.
func (s *Service) report(r *judge.Result) {
	s.reported.Add(1)
	s.summary.note(r)
	if s.deps.Judged != nil {
		s.deps.Judged(r)
	}
	s.deps.Sink.Publish(s.document(r))
}

// document returns the event of a result.
func (s *Service) document(r *judge.Result) *Document {
	d := &Document{Result: *r}
	d.Parties = event.Parties{Interface: r.Interface, Qube: r.Qube}
	if r.Qube != nil {
		d.Parties.Attribution, d.Parties.Client = event.Inventory, r.Qube.IP
	}
	if x := r.Sample; x != nil && r.Verdict == judge.Fail {
		o := enrich.Observation{Iface: x.Iface, FromSource: 1, Source: x.Source().Addr(), Destination: x.Destination().Addr(), SourceSent: true, At: time.Unix(0, x.Time)}
		d.Parties = s.deps.Enricher.PartiesOn(r.Interface, o)
	}
	return d
}

// SocketPath returns the path of the socket of `qubesbeat verify`.
func SocketPath(dataDir string) string { return filepath.Join(dataDir, "verify.sock") }
