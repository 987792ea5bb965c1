package resolver

import (
	"context"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
)

// job is a query that waits for an upstream, in a goroutine of its own.
type job struct {
	request
	msg   []byte
	reply []byte
	to    dnsserver.Responder
}

// startJob hands a query to a goroutine, unless too many wait already: then it
// answers at once.
func (s *Resolver) startJob(r *request, q *dnsserver.Query, dst []byte) (reply []byte, done bool) {
	if s.conf.Cache.Stale == 0 && s.recentlyFailed(r) {
		return s.replyFailed(r, dst), true
	}
	if !acquire(&r.peer.inFlight, s.conf.Limits.QubeInFlight) {
		return s.replyBusy(r, dst), true
	}
	if !acquire(&s.waiting, s.conf.Limits.InFlight) {
		r.peer.inFlight.Add(-1)
		return s.replyBusy(r, dst), true
	}
	started := false
	defer func() {
		if !started { // there was a panic
			s.release(r.peer)
		}
	}()
	j := s.jobs.Get().(*job)
	j.load(r, q.Msg)
	j.to = q.Defer()
	s.working.Add(1)
	started = true
	go s.work(j)
	return nil, false
}

// release ends a client's wait for an upstream.
func (s *Resolver) release(p *peer) {
	p.inFlight.Add(-1)
	s.waiting.Add(-1)
}

func (s *Resolver) replyFailed(r *request, dst []byte) []byte {
	r.out = dnsevent.Outcome{Action: dnsevent.Failed, From: dnsevent.FromError, EDE: dnsmsg.EDENoReachable, Err: "the upstreams failed a moment ago"}
	return s.replyCode(r, dst, dnsmsg.ServFail)
}

// internalError is the outcome after a panic.
func internalError() dnsevent.Outcome {
	return dnsevent.Outcome{Action: dnsevent.Failed, From: dnsevent.FromError, EDE: dnsmsg.NoEDE, RCode: dnsmsg.ServFail, Err: "internal error"}
}

func (s *Resolver) replyBusy(r *request, dst []byte) []byte {
	r.out = dnsevent.Outcome{Action: dnsevent.Failed, From: dnsevent.FromError, Match: dnsevent.MatchBusy, EDE: dnsmsg.EDENetwork,
		Err: "too many queries are waiting"}
	return s.replyCode(r, dst, dnsmsg.ServFail)
}

// load copies a request, whose memory the session uses again.
func (j *job) load(r *request, msg []byte) {
	j.Arrival, j.decided, j.out = r.Arrival, r.decided, dnsevent.Outcome{EDE: dnsmsg.NoEDE}
	j.msg = append(j.msg[:0], msg...)
	j.q.Parse(j.msg) // not a copy: it refers to the message
}

// Buffers above these sizes, in bytes, are rare and not kept.
const (
	maxKeptReply = 8192
	maxKeptQuery = 4096
)

// work answers one query. After a panic it answers SERVFAIL, unless it panics at that,
// too: the client's own time is then over before the answer is there.
func (s *Resolver) work(j *job) {
	defer s.working.Done()
	defer s.release(j.peer)
	if s.jobPart.Do(func() []byte { return j.msg }, func() { j.reply = s.await(&j.request, j.reply[:0]) }) != nil {
		j.out, j.reply = internalError(), j.reply[:0]
		_ = s.recovered(func() { j.reply = s.replyCode(&j.request, j.reply, dnsmsg.ServFail) })
	}
	j.to.Respond(j.reply)
	if s.recovered(func() { s.record(&j.request, j.reply) }) {
		return // what is left of the job is not used again
	}
	j.Arrival, j.decided, j.out, j.to = dnsserver.Arrival{}, decided{}, dnsevent.Outcome{}, nil
	if cap(j.reply) <= maxKeptReply && cap(j.msg) <= maxKeptQuery {
		s.jobs.Put(j)
	}
}

// recovered calls f, even if the part is stopped, and reports whether f panicked.
func (s *Resolver) recovered(f func()) (panicked bool) {
	defer s.jobPart.Recover(nil)
	panicked = true
	f()
	return false
}

// Waiting for upstreams.
const (
	// staleAfter is how long a client waits before it gets an expired answer, if
	// there is one (RFC 8767 section 5).
	staleAfter = 1800 * time.Millisecond
	// grace is for the upstreams' own timeout to come first, which explains more.
	grace = 100 * time.Millisecond
)

// await answers after the upstreams did.
func (s *Resolver) await(r *request, dst []byte) []byte {
	wait := s.conf.Limits.Budget
	stale, hasStale := s.staleAnswer(r, dst)
	if hasStale {
		wait = min(wait, staleAfter)
	}
	f, joined := s.join(r)
	switch {
	case f == nil && hasStale:
		return s.replyStale(r, stale)
	case f == nil:
		return s.replyFailed(r, dst[:0])
	}
	ctx, cancel := context.WithTimeout(s.ctx, wait+grace)
	defer cancel()
	select {
	case <-f.done:
	case <-ctx.Done():
		if hasStale {
			return s.replyStale(r, stale)
		}
		r.out = dnsevent.Outcome{Action: dnsevent.Failed, From: dnsevent.FromError, EDE: dnsmsg.EDENoReachable, Joined: joined, Err: "no answer in time"}
		return s.replyCode(r, dst[:0], dnsmsg.ServFail)
	}
	r.out.Joined = joined
	return s.replyResolved(r, dst[:0], f, stale)
}

// replyResolved answers with the result of an inflight query, or with the expired
// answer stale if that is not nil and the upstreams failed.
func (s *Resolver) replyResolved(r *request, dst []byte, f *inflight, stale []byte) []byte {
	r.out.Attempts, r.out.Took, r.out.Upstream = f.answer.Attempts, int64(f.answer.Took), f.server
	if f.err != nil {
		if stale != nil {
			return s.replyStale(r, stale)
		}
		r.out.Action, r.out.From, r.out.EDE, r.out.Err = dnsevent.Failed, dnsevent.FromError, dnsmsg.EDENoReachable, f.errText
		return s.replyCode(r, dst, dnsmsg.ServFail)
	}
	r.out.Action, r.out.From, r.out.Negative = dnsevent.Resolved, dnsevent.FromUpstream, f.answer.Negative
	if r.zone != nil {
		r.out.From = dnsevent.FromZone
	}
	r.entry.Flags, r.entry.VettedBy = f.flags, 0
	return s.deliver(r, append(dst, f.answer.Msg...))
}
