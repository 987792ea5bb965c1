package resolver

import (
	"context"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// responder is who has brought a query and takes the answer, from any goroutine.
type responder interface {
	respond(j *job, reply []byte)
}

// job is a query that has to wait for an upstream.
type job struct {
	request
	msg   []byte
	reply []byte
	to    responder
	udp   udpReturn // where a reader's answer goes
}

var jobs = sync.Pool{New: func() any { return &job{reply: make([]byte, 0, 4608)} }}

// miss hands a query to a goroutine that asks an upstream. Where too many wait
// already, it answers so at once.
func (s *Resolver) miss(r *request, msg, dst []byte, to responder) (reply []byte, now bool) {
	if s.conf.Cache.Stale == 0 && s.recentlyFailed(r) {
		return s.failedBefore(r, dst), true
	}
	if !enter(&r.peer.inFlight, s.conf.Limits.QubeInFlight) {
		return s.busy(r, dst), true
	}
	if !enter(&s.inFlight, s.conf.Limits.InFlight) {
		r.peer.inFlight.Add(-1)
		return s.busy(r, dst), true
	}
	j := jobs.Get().(*job)
	j.load(r, msg)
	j.to = to
	if u, ok := to.(*reader); ok {
		j.udp = u.where()
	}
	s.working.Add(1)
	go s.work(j)
	return nil, false
}

func (s *Resolver) failedBefore(r *request, dst []byte) []byte {
	r.out = Outcome{Action: Failed, From: FromError, EDE: dnsmsg.EDENoReachable, Err: "the upstreams failed a moment ago"}
	return s.bare(r, dst, dnsmsg.ServFail)
}

func (s *Resolver) busy(r *request, dst []byte) []byte {
	r.out = Outcome{Action: Failed, From: FromError, Match: MatchBusy, EDE: dnsmsg.EDENetwork, Err: "too many queries are waiting"}
	return s.bare(r, dst, dnsmsg.ServFail)
}

// load copies a request, whose memory the reader uses again.
func (j *job) load(r *request, msg []byte) {
	j.msg = append(j.msg[:0], msg...)
	j.q.Parse(j.msg)
	j.from, j.local, j.iface, j.tcp, j.at, j.size = r.from, r.local, r.iface, r.tcp, r.at, r.size
	j.snap, j.client, j.peer, j.zone, j.allow, j.leaves = r.snap, r.client, r.peer, r.zone, r.allow, r.leaves
	j.out = Outcome{EDE: dnsmsg.NoEDE}
}

// work brings one query to its end.
func (s *Resolver) work(j *job) {
	defer s.working.Done()
	j.reply = s.await(&j.request, j.reply[:0])
	j.to.respond(j, j.reply)
	s.note(&j.request, j.reply)
	j.peer.inFlight.Add(-1)
	s.inFlight.Add(-1)
	j.peer, j.client, j.snap, j.zone, j.to, j.out = nil, nil, nil, nil, nil, Outcome{}
	if cap(j.reply) <= 8192 && cap(j.msg) <= 4096 { // a rare large one is not kept
		jobs.Put(j)
	}
}

// staleAfter is how long a client waits before it gets an answer past its time,
// where there is one (RFC 8767 section 5).
const staleAfter = 1800 * time.Millisecond

// await waits for the upstreams and answers.
func (s *Resolver) await(r *request, dst []byte) []byte {
	patience := s.conf.Limits.Budget
	stale, hasStale := s.stale(r, dst)
	switch failed := s.recentlyFailed(r); {
	case failed && hasStale:
		return s.serveStale(r, stale)
	case failed:
		return s.failedBefore(r, dst[:0])
	case hasStale:
		patience = min(patience, staleAfter)
	}
	f, joined := s.fly(r)
	ctx, cancel := context.WithTimeout(s.ctx, patience+100*time.Millisecond)
	defer cancel()
	select {
	case <-f.done:
	case <-ctx.Done():
		if hasStale {
			return s.serveStale(r, stale)
		}
		r.out = Outcome{Action: Failed, From: FromError, EDE: dnsmsg.EDENoReachable, Joined: joined, Err: "no answer in time"}
		return s.bare(r, dst[:0], dnsmsg.ServFail)
	}
	r.out.Joined = joined
	return s.take(r, dst[:0], f, stale)
}

// take makes a client's answer of what a flight has brought.
func (s *Resolver) take(r *request, dst []byte, f *flight, stale []byte) []byte {
	r.out.Attempts, r.out.Took, r.out.Upstream = f.answer.Attempts, int64(f.answer.Took), f.answer.Server
	if f.err != nil {
		if stale != nil {
			return s.serveStale(r, stale)
		}
		r.out.Action, r.out.From, r.out.EDE, r.out.Err = Failed, FromError, dnsmsg.EDENoReachable, f.text
		return s.bare(r, dst, dnsmsg.ServFail)
	}
	r.out.Action, r.out.From, r.out.Negative = Resolved, FromUpstream, f.answer.Negative
	if r.zone != nil {
		r.out.From = FromZone
	}
	r.entry.Flags, r.entry.Clean = f.flags, 0
	return s.deliver(r, append(dst, f.answer.Msg...))
}
