package resolver

import "github.com/qubesbeat/qubesbeat/internal/dnsserver"

var _ dnsserver.Handler = (*Resolver)(nil) // type check

// NewSession implements [dnsserver.Handler].
func (s *Resolver) NewSession() dnsserver.Session { return &session{res: s} }

// session handles the queries of one goroutine, in one request that is used again
// and again.
type session struct {
	res     *Resolver
	req     request
	counted bool // the query that is handled is in received
}

// Handle implements [dnsserver.Session]. It does not allocate if no upstream is
// needed, except for clients that it sees for the first time and for regular
// expressions.
func (t *session) Handle(q *dnsserver.Query, dst []byte) (reply []byte, done bool) {
	s, r := t.res, &t.req
	r.Arrival = q.Arrival
	s.stats.received.Add(1)
	t.counted = true
	reply, done = s.decide(r, q.Msg, dst)
	s.recent.add(queryHash(s.secret, r.From, r.q.ID))
	if !done {
		reply, done = s.startJob(r, q, dst)
	}
	if done {
		s.record(r, reply)
	}
	t.counted = false
	return reply, done
}

// Failed implements [dnsserver.Session]: the query counts as failed, and is logged
// without its name, since nothing that was read of it can be trusted.
func (t *session) Failed(q *dnsserver.Query) {
	s := t.res
	if !t.counted {
		s.stats.received.Add(1)
	}
	t.counted = false
	r := request{Arrival: q.Arrival, decided: decided{snap: s.live.Load()}, out: internalError()}
	r.client = r.snap.Client(r.From.Addr())
	s.record(&r, nil)
}
