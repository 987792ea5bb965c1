package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Strategy is the order in which the servers of a group are queried.
type Strategy string

// The strategies, as the configuration spells them.
const (
	ParallelBest Strategy = "parallel_best" // two random ones at once; the first good answer wins
	Strict       Strategy = "strict"        // in the order of the configuration; the next one when one fails
	Random       Strategy = "random"        // a random one; the next one when it fails or is slow
)

// Config describes a group of servers.
type Config struct {
	Servers  []*Address // at least one
	Strategy Strategy
	// Timeout is for one attempt; required. The context of a query bounds all
	// attempts together.
	Timeout time.Duration
	// Lookup resolves the names of servers. It may be nil if all servers are given
	// by address.
	Lookup Lookup
	// Roots are the certificate authorities to trust, nil for those of the system.
	Roots *x509.CertPool
	// Guard recovers from panics at one answer, which the query then has not got, or
	// while a connection is opened. It may be nil.
	Guard *guard.Part
}

// Group is a group of servers to query. It is safe for concurrent use.
type Group struct {
	conf    Config
	servers []*server
}

// server is one server of a group.
type server struct {
	address *Address
	places  *places
	asker
	failed    atomic.Int64 // time of the last failure in Unix seconds, 0 for none
	asked, ok atomic.Uint64
}

// asker queries one server. It is safe for concurrent use.
type asker interface {
	ask(ctx context.Context, q *Query) (*dnsmsg.Reply, error)
	close()
}

// dialer opens a connection to an endpoint of a server.
type dialer func(ctx context.Context, endpoint string) (net.Conn, error)

// NewGroup returns a group. It opens no connection.
func NewGroup(c Config) *Group {
	g := &Group{conf: c}
	for _, a := range c.Servers {
		p := newPlaces(a, c.Lookup)
		g.servers = append(g.servers, &server{address: a, places: p, asker: g.asker(a, p)})
	}
	return g
}

// asker returns the asker for the protocol of a. One that is encrypted has no other
// way to its server.
func (g *Group) asker(a *Address, p *places) asker {
	switch a.Proto {
	case HTTPS:
		return newHTTPS(a, g.conf.Roots, p, g.conf.Guard)
	case TLS:
		return newStreams(p, dialTLS(tlsConfig(a, g.conf.Roots)), paddingBlock, true, g.conf.Guard)
	case TCP:
		return newStreams(p, dialTCP, 0, false, g.conf.Guard)
	}
	return &datagram{guard: g.conf.Guard, places: p, stream: newStreams(p, dialTCP, 0, false, g.conf.Guard), cookie: newCookie()}
}

// dialTCP opens a TCP connection.
func dialTCP(ctx context.Context, endpoint string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", endpoint)
}

// Close closes the connections that are kept open.
func (g *Group) Close() {
	for _, s := range g.servers {
		s.close()
	}
}

// Answer is the first good answer of a group.
type Answer struct {
	*dnsmsg.Reply               // nil after an error
	Server        *Address      // that answered, nil after an error
	Attempts      int           // queries sent
	Took          time.Duration // from the call of Ask
}

// MaxAttempts is the largest number of attempts for one query.
const MaxAttempts = 3

// hedge returns the time after which the next server is queried, while the first may
// still answer: 800 ms with the default timeout of 2 s. A user who grants servers more
// time has slow ones, on which a second query that early would be wasted.
func (c *Config) hedge() time.Duration { return max(c.Timeout*2/5, time.Millisecond) }

// result is the outcome of one attempt.
type result struct {
	reply *dnsmsg.Reply
	from  *server
	err   error
}

// Ask queries the servers until one has a good answer, all attempts have failed or
// ctx ends. The error joins those of all attempts. q must not be changed
// afterwards: attempts that are no longer needed may still read it.
func (g *Group) Ask(ctx context.Context, q *Query) (Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the attempts that are no longer needed
	began := time.Now()
	order := g.order()
	results := make(chan result, len(order))
	launched := 0
	launch := func() {
		if launched < len(order) {
			go func(s *server) { results <- g.attempt(ctx, s, q) }(order[launched])
			launched++
		}
	}
	launch()
	wait := g.conf.hedge()
	switch {
	case g.conf.Strategy == ParallelBest && len(g.servers) > 1:
		launch()
	case g.conf.Strategy == Strict && len(g.servers) > 1:
		wait = math.MaxInt64 // only the end of an attempt starts the next
	}
	ticker := time.NewTicker(wait)
	defer ticker.Stop()
	var errs []error
	for done := 0; done < launched; {
		select {
		case r := <-results:
			if r.err == nil {
				return Answer{r.reply, r.from.address, launched, time.Since(began)}, nil
			}
			errs = append(errs, fmt.Errorf("%s: %w", r.from.address, r.err))
			done++
			launch()
			ticker.Reset(wait)
		case <-ticker.C:
			launch()
		case <-ctx.Done():
			return Answer{Attempts: launched, Took: time.Since(began)}, errors.Join(append(errs, ErrTimeout)...)
		}
	}
	return Answer{Attempts: launched, Took: time.Since(began)}, errors.Join(errs...)
}

// attempt queries one server.
func (g *Group) attempt(ctx context.Context, s *server, q *Query) result {
	ctx, cancel := context.WithTimeout(ctx, g.conf.Timeout)
	defer cancel()
	s.asked.Add(1)
	began := time.Now()
	var p *dnsmsg.Reply
	var err error
	if panicked := g.conf.Guard.Do(nil, func() { p, err = s.ask(ctx, q) }); panicked != nil {
		err = panicked
	}
	switch {
	case err == nil:
		s.ok.Add(1)
	case errors.Is(err, ErrBusy):
	case !errors.Is(context.Cause(ctx), context.Canceled) || time.Since(began) >= g.conf.hedge(): // else another server was faster
		s.failed.Store(time.Now().Unix())
	}
	return result{p, s, err}
}

// order returns the servers for the attempts, MaxAttempts of them. If there are
// fewer, they repeat.
func (g *Group) order() []*server {
	order := make([]*server, 0, MaxAttempts)
	if g.conf.Strategy == Strict {
		order = append(order, g.servers[:min(len(g.servers), MaxAttempts)]...)
	} else {
		order = g.weighted(order)
	}
	for i := 0; len(order) < MaxAttempts; i++ {
		order = append(order, order[i])
	}
	return order
}

// fullWeight is the weight of a server that has not failed for that many minutes.
const fullWeight = 60

// weighted appends a random choice of servers to order. One that has failed
// recently is chosen rarely, but often enough for its recovery to be noticed.
func (g *Group) weighted(order []*server) []*server {
	now := time.Now().Unix()
	left := append(make([]*server, 0, 8), g.servers...)
	weight := func(s *server) int64 { return max(1, min(fullWeight, (now-s.failed.Load())/60)) }
	for len(left) > 0 && len(order) < MaxAttempts {
		var total int64
		for _, s := range left {
			total += weight(s)
		}
		n, i := rand.Int64N(total), 0 //nolint:gosec // the choice of a server is no secret
		for ; n >= weight(left[i]); i++ {
			n -= weight(left[i])
		}
		order = append(order, left[i])
		left = append(left[:i], left[i+1:]...)
	}
	return order
}

// ServerStats counts the queries to a server and its good answers.
type ServerStats struct {
	Address   *Address
	Asked, OK uint64
}

// Asks reports whether a server of the group is asked at an endpoint.
func (g *Group) Asks(a netip.AddrPort) bool {
	return slices.ContainsFunc(g.servers, func(s *server) bool { return s.places.has(a) })
}

// Stats returns the counters of the servers.
func (g *Group) Stats() (list []ServerStats) {
	for _, s := range g.servers {
		list = append(list, ServerStats{s.address, s.asked.Load(), s.ok.Load()})
	}
	return list
}
