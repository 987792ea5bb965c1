package resolver

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Resolver is a forwarding DNS resolver; Serve starts it. Its methods are safe for
// concurrent use.
type Resolver struct {
	conf        Config
	server      *dnsserver.Server
	cache       *dnscache.Cache // nil for none
	live        atomic.Pointer[live]
	peers       peers
	inflights   inflights
	recent      recent
	pauses      pauses
	chores      chores
	secret      maphash.Seed
	stats       counters
	waiting     atomic.Int32 // queries that wait for upstreams
	prefetching atomic.Int32
	jobs        sync.Pool   // of *job
	jobPart     *guard.Part // recovers from panics at a query that waits
	answerPart  *guard.Part // and at the answer of an upstream

	// ctx is the context of all that is done for clients and for the lists. It is
	// made by New, because queries may come before Serve is called, and ends with
	// Serve.
	ctx     context.Context
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu         sync.Mutex
	rules      *Rules // guarded by mu, as all below
	table      *blocklist.Table
	generation uint16 // of rules
	version    uint64 // of the snapshot
	stopLists  context.CancelFunc

	refreshing sync.Mutex // held while lists are loaded or refreshed
}

// New returns a resolver with the copies of the lists on disk loaded. It opens no
// socket.
func New(c Config) (*Resolver, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Released == nil {
		c.Released = func() {}
	}
	s := &Resolver{conf: c, secret: maphash.MakeSeed(), stopLists: func() {}}
	s.inflights.byKey = map[string]*inflight{}
	s.chores.wake = make(chan struct{}, 1)
	s.jobs.New = func() any { return &job{reply: make([]byte, 0, dnsserver.ReplyRoom)} }
	if c.Cache.Size > 0 {
		s.cache = dnscache.New(c.Cache.Size)
	}
	s.server = dnsserver.New(dnsserver.Config{Listen: c.Listen, Readers: c.Readers, Handler: s, MaxConns: c.Limits.TCP,
		MaxConnsPerClient: c.Limits.QubeTCP, Clock: c.Clock, Guard: c.Guard})
	s.jobPart, s.answerPart = c.Guard.Part("resolver/job"), c.Guard.Part("resolver/upstream")
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.rules = &s.conf.Rules
	var err error
	if s.table, err = s.rules.load(s.ctx); err != nil {
		return nil, err
	}
	s.Update()
	s.conf.Released()
	return s, nil
}

// Ready returns a channel that is closed once the resolver can be asked.
func (s *Resolver) Ready() <-chan struct{} { return s.server.Listening() }

// Serve answers queries until ctx ends, and waits for all that is under way then.
// It returns an error if it cannot listen, or if it panics too often to be of use. It
// is called once.
func (s *Resolver) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.jobPart.OnStop(ctx, cancel)
	s.answerPart.OnStop(ctx, cancel)
	background, stop := context.WithCancel(ctx)
	defer stop()
	var chores sync.WaitGroup
	chores.Go(func() {
		select {
		case <-s.server.Listening():
			s.followLists(background)
			s.runChores(background)
		case <-background.Done():
		}
	})
	unhook := context.AfterFunc(ctx, s.stopWork) // connections wait for it
	err := s.server.Serve(ctx)
	unhook()
	stop()
	chores.Wait()
	s.stopWork()
	s.working.Wait()
	s.reportDropped()
	s.live.Load().close()
	if err != nil && !errors.Is(err, guard.ErrStopped) {
		err = fmt.Errorf("resolver.listen: %w", err)
	}
	return errors.Join(err, s.jobPart.Err(), s.answerPart.Err())
}

// stopWork ends the work for clients. Nothing that is counted in working is
// started by followLists and retire later.
func (s *Resolver) stopWork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
}

// seconds returns the time of day in seconds since the Unix epoch.
func (s *Resolver) seconds() int64 { return s.conf.Clock().Unix() }
