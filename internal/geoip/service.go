package geoip

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// Service says of flows where their public ends are registered. It reads its files again
// when they change; if one cannot be read then, the last good ones stay.
type Service struct {
	task.Started
	paths   []string
	watch   filewatch.Func
	prepare func(*event.Place)
	logger  *slog.Logger

	db     atomic.Pointer[DB]     // nil if no file could be read yet
	loaded []time.Time            // when the files were modified, of the last attempt, used by load alone
	recent *recent                // of the DB in of, used by Fill alone
	places map[Place]*event.Place // that addresses share, of the DB in of, used by Fill alone
	of     *DB

	lookups, misses, reloads, failures atomic.Uint64
}

// NewService returns a service that reads the files at paths. watch reports that one may
// have changed. prepare is called with each place once, before any flow has it; it may be nil.
func NewService(paths []string, watch filewatch.Func, prepare func(*event.Place), logger *slog.Logger) *Service {
	return &Service{paths: paths, watch: watch, prepare: prepare, logger: logger}
}

var _ task.Task = (*Service)(nil) // type check

// String implements [task.Task].
func (s *Service) String() string { return "countries and networks" }

// Open reads the files, so that the first flow has its places: a replay gives the same
// events on every run. A file that cannot be read is logged and counted. It must be called
// before Run.
func (s *Service) Open() { s.load() }

// Run reads the files again whenever one has changed, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	var watchers sync.WaitGroup
	for _, path := range s.paths {
		watchers.Go(func() {
			for range s.watch(ctx, path) {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		})
	}
	s.MarkReady()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-changed:
			s.load()
		}
	}
	watchers.Wait()
	return nil
}

// load reads the files if one has changed since the last attempt.
func (s *Service) load() {
	modified := make([]time.Time, len(s.paths))
	same := s.loaded != nil
	for i, path := range s.paths {
		if info, err := os.Stat(path); err == nil {
			modified[i] = info.ModTime()
		}
		same = same && modified[i].Equal(s.loaded[i])
	}
	if same {
		return
	}
	s.loaded = modified
	db, err := Open(s.paths...)
	if err != nil {
		s.failures.Add(1)
		s.logger.Error("countries and networks cannot be read; events have those of the last good files, if any", "error", err)
		return
	}
	s.db.Store(db)
	s.reloads.Add(1)
}

// Fill says of a flow where its ends are registered that are no qubes. It is called from
// one goroutine.
func (s *Service) Fill(f *event.Flow) {
	db := s.db.Load()
	if db == nil {
		return
	}
	if s.of != db {
		s.of, s.recent, s.places = db, new(recent), map[Place]*event.Place{}
	}
	if f.SourceQube == nil {
		f.SourcePlace = s.find(f.Source.Addr, f.Family)
	}
	if f.DestinationQube == nil {
		f.DestinationPlace = s.find(f.Destination.Addr, f.Family)
	}
}

// Country returns the country in which an address is registered, "" if it is not known. It is
// safe for concurrent use. A nil *Service knows none.
func (s *Service) Country(a netip.Addr) string {
	if s == nil {
		return ""
	}
	db := s.db.Load()
	if db == nil {
		return ""
	}
	return db.Find(a).Country
}

// find returns the place of an address, nil if there is none.
func (s *Service) find(a packet.Addr, family uint8) *event.Place {
	if family == 0 {
		return nil
	}
	place, found := s.recent.find(&a, family)
	if !found {
		*place = s.lookUp(a, family)
	}
	if *place == notPublic {
		return nil
	}
	s.lookups.Add(1)
	if *place == nil {
		s.misses.Add(1)
	}
	return *place
}

// lookUp finds the place of an address in the files.
func (s *Service) lookUp(a packet.Addr, family uint8) *event.Place {
	addr := a.Netip(family).Unmap()
	if !Public(addr) {
		return notPublic
	}
	p := s.of.find(addr)
	if p == (Place{}) {
		return nil
	}
	return s.shared(p)
}

// maxShared bounds the places of Service.places.
const maxShared = 4096

// shared returns the same place for all addresses that are registered alike: a document is
// written for each flow, and most networks have many servers.
func (s *Service) shared(p Place) *event.Place {
	if known := s.places[p]; known != nil {
		return known
	}
	if len(s.places) >= maxShared {
		clear(s.places)
	}
	e := &event.Place{Country: p.Country, ASNumber: p.Number, ASName: p.Name}
	if s.prepare != nil {
		s.prepare(e)
	}
	s.places[p] = e
	return e
}

// Metrics implements [metrics.Source].
func (s *Service) Metrics(m *metrics.Set) {
	m.Group("geoip")
	m.Add("lookups", s.lookups.Load())
	m.Add("misses", s.misses.Load())
	m.Add("reloads", s.reloads.Load())
	m.Add("failures", s.failures.Load())
	if days, ok := s.age(time.Now()); ok {
		m.Add("age_days", days)
	}
}

// age returns how old the oldest file is, by the date in it, in days.
func (s *Service) age(now time.Time) (days uint64, ok bool) {
	db := s.db.Load()
	if db == nil {
		return 0, false
	}
	for _, f := range db.Files() {
		if !f.Dated.IsZero() {
			days, ok = max(days, uint64(max(0, now.Sub(f.Dated)/(24*time.Hour)))), true
		}
	}
	return days, ok
}
