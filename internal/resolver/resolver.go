package resolver

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Resolver is the resolver. Make it with [New] and let it [Resolver.Serve].
type Resolver struct {
	conf        Config
	cache       *dnscache.Cache // nil for none
	live        atomic.Pointer[live]
	peers       peers
	flights     flights
	recent      recent
	off         offSwitch
	secret      maphash.Seed
	clock       func() int64 // nanoseconds since the Unix epoch
	stats       counters
	inFlight    atomic.Int32
	prefetching atomic.Int32
	conns       atomic.Int32

	// The context is that of Serve: work for clients ends with it.
	ctx        context.Context
	cancel     context.CancelFunc
	working    sync.WaitGroup
	renew      sync.Mutex
	rules      *Rules // guarded by renew, as all below: in force
	table      *blocklist.Table
	generation uint16
	stopLists  context.CancelFunc
	refreshing sync.Mutex // held while lists are refreshed
}

// counters count queries. Each is counted in received, and in one of actions.
type counters struct {
	received   atomic.Uint64
	actions    [actions]atomic.Uint64
	udp, tcp   atomic.Uint64
	truncated  atomic.Uint64
	unsent     atomic.Uint64 // answers that the kernel did not take
	prefetched atomic.Uint64
	rated      atomic.Uint64 // of the dropped: over the rate
	tcpRefused atomic.Uint64 // connections
}

// New returns a resolver with what is on disk of the lists in force. It opens no
// socket.
func New(c Config) (*Resolver, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Readers = max(1, c.Readers)
	s := &Resolver{conf: c, secret: maphash.MakeSeed(), clock: nanoseconds}
	s.flights.list = map[string]*flight{}
	if c.Cache.Size > 0 {
		s.cache = dnscache.New(c.Cache.Size)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.rules, s.stopLists = &s.conf.Rules, func() {}
	var err error
	if s.table, err = s.rules.load(s.ctx); err != nil {
		return nil, err
	}
	s.Renew()
	debug.FreeOSMemory()
	return s, nil
}

// renewEvery is how often schedules are looked at. They have no seconds.
const renewEvery = 20 * time.Second

// Serve answers until ctx ends. It returns an error where it cannot listen.
func (s *Resolver) Serve(ctx context.Context) error {
	defer s.cancel()
	var all sync.WaitGroup
	closers, err := s.listen(&all)
	if err != nil {
		for _, c := range closers {
			_ = c.Close()
		}
		all.Wait()
		return err
	}
	background, stop := context.WithCancel(ctx)
	all.Go(func() { s.housekeeping(background) })
	s.followLists(background)
	<-ctx.Done()
	stop()
	var errs []error
	for _, c := range closers {
		errs = append(errs, c.Close())
	}
	s.renew.Lock() // from here on, followLists starts nothing
	s.cancel()
	s.renew.Unlock()
	all.Wait()
	s.working.Wait()
	s.tellRefused()
	for _, g := range s.live.Load().groups() {
		g.Close()
	}
	return errors.Join(errs...)
}

// groups returns all upstreams.
func (c *Rules) groups() []*upstream.Group {
	all := slices.Clone(c.Groups)
	for i := range c.Zones {
		all = append(all, c.Zones[i].Group)
	}
	return all
}

// housekeeping tells of what was dropped and follows the schedules.
func (s *Resolver) housekeeping(ctx context.Context) {
	second, slow := time.NewTicker(time.Second), time.NewTicker(renewEvery)
	defer second.Stop()
	defer slow.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			s.tellRefused()
			if s.off.expired() {
				s.Renew()
			}
		case <-slow.C:
			if len(s.live.Load().Policy.Schedules) > 0 {
				s.Renew()
			}
		}
	}
}

// tellRefused logs, once a second and for each client, how many queries were
// over the rate or were none: an event for each of them would be what a flood
// wants.
func (s *Resolver) tellRefused() {
	type count struct {
		addr netip.Addr
		why  Match
		n    uint32
	}
	var list []count
	s.peers.mu.RLock()
	for a, p := range s.peers.list {
		if n := p.refused.Swap(0); n > 0 {
			list = append(list, count{a, MatchRate, n})
		}
		if n := p.noise.Swap(0); n > 0 {
			list = append(list, count{a, MatchProtocol, n})
		}
	}
	s.peers.mu.RUnlock()
	for _, c := range list {
		r := request{from: netip.AddrPortFrom(c.addr, 0), at: s.clock(), snap: s.live.Load(),
			out: Outcome{Action: Dropped, From: FromError, Match: c.why, EDE: -1}}
		r.client = r.snap.Client(c.addr)
		if s.conf.Log != nil {
			s.conf.Log.put(&r, nil, c.n)
		}
	}
}

// note counts an outcome and takes a note of it. It is called once for each
// query.
func (s *Resolver) note(r *request, reply []byte) {
	s.stats.actions[r.out.Action].Add(1)
	if r.out.Truncated {
		s.stats.truncated.Add(1)
	}
	if r.out.Action == Dropped { // tellRefused tells of them together
		if r.out.Match == MatchRate {
			s.stats.rated.Add(1)
			r.peer.refused.Add(1)
		} else {
			r.peer.noise.Add(1)
		}
		return
	}
	if s.conf.Log != nil {
		s.conf.Log.put(r, reply, 1)
	}
}

// handle answers a query or hands it on. now is false where the answer comes
// later, through to.
func (s *Resolver) handle(r *request, msg, dst []byte, to responder) (reply []byte, now bool) {
	s.stats.received.Add(1)
	reply, now = s.decide(r, msg, dst)
	s.recent.add(queryHash(s.secret, r.from, r.q.ID))
	if !now {
		reply, now = s.miss(r, msg, dst, to)
	}
	if now {
		s.note(r, reply)
	}
	return reply, now
}

func (s *Resolver) seconds() int64 { return s.clock() / 1e9 }
