package packets

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/task"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Config holds the settings of a [Service].
type Config struct {
	config.Packets
	DataDir string        // where the store is if the configuration names no folder
	Hold    time.Duration // for which packets wait for the name of their qube; 0 if none can come
	Strict  bool          // events have no fields that packetbeat does not have
}

// Deps are what a [Service] needs of others. All but Guard are required.
type Deps struct {
	Inventory     *inventory.Index
	InterfaceName func(iface uint32) string
	KernelDrops   func() uint64 // frames that the kernel has dropped so far
	Logger        *slog.Logger
	// ReadSettings reads the section of the configuration again, for a reload. It may be nil.
	ReadSettings func() (*config.Packets, error)
	// Guard recovers from panics at one call of the socket. It may be nil.
	Guard *guard.Keeper
}

// Service keeps the packets of chosen qubes, if the disk takes them, and answers the calls
// of `qubesbeat pcap`. Whatever the disk does, the beat goes on.
type Service struct {
	task.Started
	conf    Config
	deps    Deps
	holders holders
	boot    uint32 // number of this run of the machine

	rules     atomic.Pointer[config.Packets] // what a reload has changed, and the rest of conf
	sieve     atomic.Pointer[sieve]
	reloading sync.Mutex

	keeper   keeper
	unstored unstored
	store    atomic.Pointer[packetstore.Store] // nil until it is open
	opening  chan opened
	fault    string // why the store is not open, as the log has it; belongs to Run
}

// opened is the outcome of an attempt to open the store.
type opened struct {
	store *packetstore.Store
	err   error
}

// New returns a service that has opened nothing. It fails for a filter that cannot be read.
func New(conf Config, deps Deps) (*Service, error) {
	f, err := newSieve(conf.Filter)
	if err != nil {
		return nil, err
	}
	conf.Dir = Dir(&conf.Packets, conf.DataDir)
	s := &Service{conf: conf, deps: deps, opening: make(chan opened, 1), boot: packetstore.Boot()}
	s.rules.Store(&conf.Packets)
	s.sieve.Store(f)
	s.holders = holders{conf: &s.rules, qubes: deps.Inventory, name: deps.InterfaceName, hold: conf.Hold, log: deps.Logger,
		seen: map[string]*client{}, began: time.Now()}
	s.keeper.packet.Describe = s.describe
	return s, nil
}

// Dir returns the folder of the store.
func Dir(c *config.Packets, dataDir string) string {
	if c.Dir != "" {
		return c.Dir
	}
	return filepath.Join(dataDir, "packets")
}

// String implements [task.Task].
func (s *Service) String() string { return "packet store" }

// openWait is how long the start of the beat waits for the store, which may have segments
// to repair. retryEvery is the time between attempts to open it.
const (
	openWait   = 10 * time.Second
	retryEvery = 30 * time.Second
)

// Open opens the store, so that it has the first packets. That it cannot be opened is
// logged, and tried again.
func (s *Service) Open() error {
	s.begin()
	wait := time.NewTimer(openWait)
	defer wait.Stop()
	select {
	case o := <-s.opening:
		s.take(o)
	case <-wait.C:
		s.deps.Logger.Warn("the store of packets takes long to open; the beat starts without it", "dir", s.conf.Dir)
	}
	return nil
}

// begin begins an attempt to open the store.
func (s *Service) begin() {
	go func() {
		store, err := packetstore.Open(s.storeConfig())
		s.opening <- opened{store, err}
	}()
}

// take takes the outcome of an attempt, and reports whether the store is open.
func (s *Service) take(o opened) bool {
	if o.err == nil {
		s.deps.Logger.Info("packets are stored", "dir", s.conf.Dir)
		s.store.Store(o.store)
		return true
	}
	if text := o.err.Error(); text != s.fault {
		s.fault = text
		s.deps.Logger.Warn("packets are not stored; trying again every 30 seconds", "error", text)
	}
	return false
}

func (s *Service) storeConfig() packetstore.Config {
	c := s.rules.Load()
	return packetstore.Config{Dir: c.Dir, MaxBytes: int64(c.MaxBytes), MaxAge: c.MaxAge.D(), MinFree: int64(c.MinFree),
		Segment: packetstore.SegmentLimits{Bytes: int64(c.Segment.Bytes), Age: c.Segment.Age.D()}, Memory: int(c.Memory), Flush: c.Flush.D(),
		Hold: s.conf.Hold, Integrity: c.Integrity, HeadersOnly: !c.Payload, Snaplen: c.Snaplen, FlowLimit: int64(c.FlowLimit), Filter: c.Filter, EncryptTo: c.EncryptTo, Compress: c.Compress,
		Names: s.holders.at, Limits: s.holders.limits, Version: version.Version, Logger: s.deps.Logger}
}

// Run writes until ctx ends, and completes what is being filled.
func (s *Service) Run(ctx context.Context) error {
	s.MarkReady()
	store := s.wait(ctx)
	if store == nil {
		return nil
	}
	defer s.keepServing(ctx)()
	defer s.watchFilter(ctx)()
	if err := store.Run(ctx); err != nil {
		s.deps.Logger.Warn("closing the store of packets", "error", err.Error())
	}
	return nil
}

// watchFilter looks, every ten seconds, where the filter lets nothing through. The function
// that it returns waits for its end, which comes with that of ctx.
func (s *Service) watchFilter(ctx context.Context) (wait func()) {
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				s.warnEmpty(now)
			case <-ctx.Done():
				return
			}
		}
	})
	return done.Wait
}

// wait returns the store once it is open, nil if ctx ends before.
func (s *Service) wait(ctx context.Context) *packetstore.Store {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	waiting := s.fault == "" // the first attempt is under way
	for s.store.Load() == nil {
		select {
		case o := <-s.opening:
			waiting = false
			s.take(o)
		case <-retry.C:
			if !waiting {
				waiting = true
				s.begin()
			}
		case <-ctx.Done():
			if waiting {
				go s.abandon()
			}
			return nil
		}
	}
	return s.store.Load()
}

// abandon closes the store that an attempt under way may open.
func (s *Service) abandon() {
	if o := <-s.opening; o.err == nil {
		_ = o.store.Close()
	}
}

// Seal completes the files of a qube, or all if qube is "", so that they can be read.
func (s *Service) Seal(ctx context.Context, qube string) error {
	store := s.store.Load()
	if store == nil {
		return errNotOpen
	}
	return store.Seal(ctx, qube)
}

// errNotOpen is returned while the store cannot be used.
var errNotOpen = errors.New("the store of packets is not open; the log says why")

// Forget removes the packets of a qube, and returns how many segments it had.
func (s *Service) Forget(ctx context.Context, qube string) (segments int, err error) {
	store := s.store.Load()
	if store == nil {
		return 0, errNotOpen
	}
	return store.Forget(ctx, qube, "pcap forget")
}

// Flow corrects what a flow says of its packets: those that waited for the name of a qube
// that is excluded were not stored, and with Strict it says nothing.
func (s *Service) Flow(f *event.Flow) {
	if f.Kept.Known() && (s.conf.Strict || s.holders.excludes(f.Iface, time.Unix(0, f.Start))) {
		f.Kept = meter.Kept{}
	}
}

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	store := s.store.Load()
	if store != nil {
		store.Metrics(m)
	}
	packets, bytes := s.unstored.packets.Load(), s.unstored.bytes.Load()
	m.Group("packets")
	m.Add("not_open", packets)
	m.Add("not_open_bytes", bytes)
	m.Add("filtered", s.unstored.filtered.Load())
	m.Add("filtered_bytes", s.unstored.filteredBytes.Load())
	m.Add("no_link", s.unstored.noLink.Load())
	if store == nil {
		m.Text("state", "not open")
	}
}

// Check looks at what a start would open, for `test config`. It changes nothing.
func Check(c *config.Packets, replay bool, dataDir string) error {
	if !c.Enabled {
		return nil
	}
	p := config.Problems{Section: "packets"}
	if replay {
		p.Addf("enabled", "packets of capture files are not stored: the files have them; set it to false for a replay")
	}
	if _, err := newSieve(c.Filter); err != nil {
		p.Add("filter", errors.Unwrap(err))
	}
	dir := Dir(c, dataDir)
	p.Add("dir", checkDir(dir))
	return p.Err()
}
