package resolver

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
	"github.com/qubesbeat/qubesbeat/internal/share"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// inflight is a question under way to the upstreams, for all clients that ask it.
// With two of them for one question, a forger would have twice the chance (RFC
// 5452 section 5).
type inflight struct {
	done    chan struct{} // closed once the rest is set
	answer  upstream.Answer
	server  *dnsevent.Server // that answered, nil for none
	flags   dnscache.Flags
	err     error
	errText string // err in one line
}

// inflights are the questions under way.
type inflights struct {
	mu    sync.Mutex
	byKey map[string]*inflight // guarded by mu
}

// join returns the inflight query for a question, and starts it if there is none. It
// returns nil if the upstreams have just failed at the question. That is looked up while
// no inflight query can end, or it would not be known of one that has just failed.
func (s *Resolver) join(r *request) (f *inflight, joined bool) {
	key := string(r.key())
	s.inflights.mu.Lock()
	defer s.inflights.mu.Unlock()
	if f := s.inflights.byKey[key]; f != nil {
		s.stats.joined.Add(1)
		return f, true
	}
	if s.recentlyFailed(r) {
		return nil, false
	}
	f = &inflight{done: make(chan struct{})}
	s.inflights.byKey[key] = f
	l := lookup{live: r.snap, key: key, zone: r.zone, group: r.client.Policy.Upstream, aliases: r.dangling, owner: share.Of(r.Iface, r.From.Addr()),
		q: upstream.Query{Question: dnsmsg.Question{Name: append([]byte(nil), r.q.Lower()...), Type: r.q.Type, Class: r.q.Class, DO: r.q.DO},
			CD: r.q.Flags&dnsmsg.FlagCD != 0, MixCase: r.snap.MixCase}}
	s.working.Add(1)
	go s.resolve(&l, f)
	return f, false
}

// lookup is the question of an inflight query, and how it is to be asked.
type lookup struct {
	live    *live // under which it began
	key     string
	q       upstream.Query
	zone    *Zone
	group   int                // of the client
	owner   share.Class        // the client
	aliases []localdata.Record // that lead from the question to the name to ask for
}

// resolve asks the upstreams, caches the answer and wakes all who wait.
func (s *Resolver) resolve(l *lookup, f *inflight) {
	defer s.working.Done()
	ctx, cancel := context.WithTimeout(s.ctx, s.conf.Limits.Budget)
	defer cancel()
	if err := s.answerPart.Do(nil, func() { s.fetch(ctx, l, f) }); err != nil {
		f.err, f.errText = err, "internal error"
	}
	s.inflights.mu.Lock()
	delete(s.inflights.byKey, l.key)
	s.inflights.mu.Unlock()
	close(f.done)
}

// fetch asks the upstreams and caches the answer.
func (s *Resolver) fetch(ctx context.Context, l *lookup, f *inflight) {
	f.answer, f.err = s.ask(ctx, l)
	if a := f.answer.Server; a != nil {
		f.server = &dnsevent.Server{URL: a.String(), Endpoint: a.Endpoint(), Protocol: a.Proto.String()}
	}
	if f.err == nil {
		f.flags = s.store(l, f.answer.Reply)
		return
	}
	f.errText = oneLine(f.err)
	if !errors.Is(f.err, upstream.ErrBusy) { // that is our own limit, and soon over
		s.storeFailure(l)
	}
}

// maxError bounds the text of an error in the log, in bytes.
const maxError = 300

func oneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	return text[:min(len(text), maxError)]
}

// prefetch renews an answer that is in use and about to expire.
func (s *Resolver) prefetch(r *request) {
	p := r.peer
	if !acquire(&p.inFlight, s.conf.Limits.QubeInFlight) {
		return
	}
	if !acquire(&s.prefetching, s.conf.Limits.InFlight/4) {
		p.inFlight.Add(-1)
		return
	}
	release := func() {
		s.prefetching.Add(-1)
		p.inFlight.Add(-1)
	}
	started := false
	defer func() {
		if !started { // another client's query counts for it, the upstreams have failed, or there was a panic
			release()
		}
	}()
	f, joined := s.join(r)
	if joined || f == nil {
		return
	}
	started = true
	s.stats.prefetched.Add(1)
	s.working.Go(func() {
		<-f.done
		release()
	})
}
