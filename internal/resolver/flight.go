package resolver

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// flight is a question that is under way to the upstreams, for all who want to
// know. Two under way for one question would double a forger's chances (RFC 5452
// section 5).
type flight struct {
	done   chan struct{}
	answer upstream.Answer
	flags  dnscache.Flags
	err    error
	text   string // of err, in short
}

// flights are those that are in the air.
type flights struct {
	mu   sync.Mutex
	list map[string]*flight // guarded by mu
}

// failedFor is how many seconds the failure of upstreams is remembered (RFC 9520
// section 3.2).
const failedFor = 5

// failureKey is the key under which a failure is kept, beside the answer.
func failureKey(key []byte) []byte {
	key[10] |= 0x80
	return key
}

// recentlyFailed reports whether the upstreams have just failed at the question.
func (s *Resolver) recentlyFailed(r *request) bool {
	if s.cache == nil {
		return false
	}
	var e dnscache.Entry
	var buf [64]byte
	_, ok := s.cache.Get(buf[:0], failureKey(r.key()), r.now(), 0, &e)
	return ok
}

// fly returns the flight for a question. It starts one where none is under way.
func (s *Resolver) fly(r *request) (f *flight, joined bool) {
	key := string(r.key())
	s.flights.mu.Lock()
	defer s.flights.mu.Unlock()
	if f := s.flights.list[key]; f != nil {
		return f, true
	}
	f = &flight{done: make(chan struct{})}
	s.flights.list[key] = f
	w := want{live: r.snap, key: key, zone: r.zone, group: r.client.Policy.Upstream, aliases: r.leaves,
		q: upstream.Query{Question: dnsmsg.Question{Name: append([]byte(nil), r.q.Lower()...), Type: r.q.Type, Class: r.q.Class, DO: r.q.DO},
			CD: r.q.Flags&dnsmsg.FlagCD != 0, MixCase: r.snap.MixCase}}
	s.working.Add(1)
	go s.bring(&w, f)
	return f, false
}

// want is what a flight is for.
type want struct {
	live    *live // under which it began
	key     string
	q       upstream.Query
	zone    *Zone
	group   int
	aliases []ownRecord // of the configuration, that lead to the name to ask for
}

// bring asks, keeps the answer and lets everybody have it.
func (s *Resolver) bring(w *want, f *flight) {
	defer s.working.Done()
	ctx, cancel := context.WithTimeout(s.ctx, s.conf.Limits.Budget)
	defer cancel()
	if f.answer, f.err = s.ask(ctx, w); f.err != nil {
		f.text = short(f.err)
		if !errors.Is(f.err, upstream.ErrBusy) { // that is our own fault, and soon over
			s.keepFailure(w)
		}
	} else {
		f.flags = s.keep(w, f.answer.Reply)
	}
	s.flights.mu.Lock()
	delete(s.flights.list, w.key)
	s.flights.mu.Unlock()
	close(f.done)
}

// short is an error in one line.
func short(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	return text[:min(len(text), 300)]
}

// ask asks the upstreams of the name, and others for the rest where an alias
// leads out of their zone or out of the configuration.
func (s *Resolver) ask(ctx context.Context, w *want) (upstream.Answer, error) {
	q, group := w.q, w.live.Groups[w.group]
	if n := len(w.aliases); n > 0 {
		q.Name = w.aliases[n-1].target
	}
	var alias []byte
	if w.zone != nil {
		group = w.zone.Group
		if alias = w.live.rewritten(q.Name); len(w.aliases) == 0 && alias != nil && w.live.smallest(alias) == w.zone {
			q.Name = alias
		}
		if q.Zone = w.zone.Name; len(q.Zone) == 1 {
			q.Zone = q.Name
		}
	}
	a, err := group.Ask(ctx, &q)
	if err != nil {
		return a, err
	}
	if a.Outside == nil && len(w.aliases) == 0 && string(q.Name) == string(w.q.Name) {
		return a, nil
	}
	return s.compose(ctx, w, &q, a)
}

// compose puts together what several have said.
func (s *Resolver) compose(ctx context.Context, w *want, asked *upstream.Query, a upstream.Answer) (upstream.Answer, error) {
	var p splice
	owner := w.q.Name
	for i := range w.aliases {
		p.alias(owner, &w.aliases[i])
		owner = w.aliases[i].target
	}
	from := asked.Name
	if len(w.aliases) > 0 {
		from = nil
	}
	err := p.add(a.Msg, from, w.q.Name)
	last := a.Reply
	if err == nil && a.Outside != nil {
		rest := w.q
		rest.Name = a.Outside
		b, failed := w.live.Groups[w.group].Ask(ctx, &rest)
		if failed != nil {
			return b, failed
		}
		last, err = b.Reply, p.add(b.Msg, nil, nil)
		a.Attempts += b.Attempts
		a.Took += b.Took
	}
	if err == nil {
		a.Reply, err = p.reply(&w.q.Question, last)
	}
	if err != nil {
		return a, errors.Join(errors.New("putting the answer together"), err)
	}
	return a, nil
}

// prefetch renews an answer that is in use and about to end.
func (s *Resolver) prefetch(r *request) {
	if s.recentlyFailed(r) || !enter(&r.peer.inFlight, s.conf.Limits.QubeInFlight) {
		return
	}
	if !enter(&s.prefetching, s.conf.Limits.InFlight/4) {
		r.peer.inFlight.Add(-1)
		return
	}
	p := r.peer
	leave := func() {
		s.prefetching.Add(-1)
		p.inFlight.Add(-1)
	}
	f, joined := s.fly(r)
	if joined { // whoever began it counts for it
		leave()
		return
	}
	s.stats.prefetched.Add(1)
	s.working.Go(func() {
		<-f.done
		leave()
	})
}
