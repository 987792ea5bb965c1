package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Config describes a server.
type Config struct {
	// Listen are the addresses to serve, each over UDP and TCP.
	Listen []netip.AddrPort
	// Readers is the number of sockets that share each UDP address; values below 1
	// mean 1.
	Readers int
	// Handler must not be nil.
	Handler Handler
	// MaxConns and MaxConnsPerClient bound the TCP connections, in all and from one
	// address. With 0, no connection is accepted.
	MaxConns, MaxConnsPerClient int
	// Clock stamps queries; nil means time.Now.
	Clock func() time.Time
	// Guard recovers from panics of the handler; its parts are resolver/udp and
	// resolver/tcp. It may be nil.
	Guard *guard.Keeper
}

// Server serves DNS. Its methods are safe for concurrent use.
type Server struct {
	conf      Config
	listening chan struct{}
	running   sync.WaitGroup // readers, listeners, connections
	conns     conns
	stats     counters
	udp, tcp  *guard.Part
}

type counters struct{ udp, tcp, unsent, refused atomic.Uint64 }

// Stats counts what a server has done.
type Stats struct {
	UDP, TCP   uint64 // queries
	Unsent     uint64 // answers that could not be sent
	TCPRefused uint64 // connections
	TCPOpen    uint64 // connections, now
}

// New returns a server. It opens nothing.
func New(c Config) *Server {
	c.Readers = max(1, c.Readers)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Server{conf: c, listening: make(chan struct{}), udp: c.Guard.Part("resolver/udp"), tcp: c.Guard.Part("resolver/tcp")}
}

// Listening returns a channel that is closed once all sockets are open.
func (s *Server) Listening() <-chan struct{} { return s.listening }

// Stats returns the counters.
func (s *Server) Stats() Stats {
	c := &s.stats
	return Stats{UDP: c.udp.Load(), TCP: c.tcp.Load(), Unsent: c.unsent.Load(), TCPRefused: c.refused.Load(), TCPOpen: s.conns.open()}
}

// Serve answers queries until ctx ends, and then waits until all connections have
// their deferred answers. It returns an error if it cannot listen, or if the handler
// panics too often at queries over UDP. It is called once.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closers, err := s.listen(ctx)
	if err == nil {
		close(s.listening)
		select {
		case <-ctx.Done():
		case <-s.udp.Done():
			err = s.udp.Err()
			cancel()
		}
	}
	errs := []error{err}
	for _, c := range closers {
		if err := c.Close(); !errors.Is(err, net.ErrClosed) { // as the TCP listeners are after too many panics
			errs = append(errs, err)
		}
	}
	s.running.Wait()
	return errors.Join(errs...)
}

// listen opens the sockets and starts the goroutines that read them. It returns
// those that were opened even with an error.
func (s *Server) listen(ctx context.Context) (closers []io.Closer, err error) {
	for _, a := range s.conf.Listen {
		for range s.conf.Readers {
			u, err := s.newUDPSocket(ctx, a)
			if err != nil {
				return closers, listenError("udp", a, err)
			}
			closers = append(closers, u.conn)
			s.running.Go(u.run)
		}
		l, err := new(net.ListenConfig).Listen(ctx, network("tcp", a.Addr()), a.String())
		if err != nil {
			return closers, listenError("tcp", a, err)
		}
		closers = append(closers, l)
		s.running.Go(func() { s.accept(ctx, l) })
		s.tcp.OnStop(ctx, func() { _ = l.Close() })
	}
	return closers, nil
}

// network returns the name of a network of one family: without it, 0.0.0.0 would
// take both.
func network(proto string, a netip.Addr) string {
	if a.Is6() {
		return proto + "6"
	}
	return proto + "4"
}

func listenError(proto string, a netip.AddrPort, err error) error {
	return fmt.Errorf("%s %s: %w; `ss -lnp` shows which process has the port", proto, a, err)
}
