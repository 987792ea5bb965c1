package dnstest

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// Server is an upstream on a port of its own. Its methods are safe for concurrent
// use.
type Server struct {
	// Addr is the address, for UDP and TCP.
	Addr  netip.AddrPort
	asked atomic.Int64
	conns atomic.Int64
	tcp   net.Listener
	done  chan struct{} // closed when the test ends
	work  sync.WaitGroup

	mu   sync.Mutex
	do   Handler // guarded by mu, as all below
	last *dns.Msg
	open map[net.Conn]bool
}

// NewServer starts an upstream over UDP and TCP. It ends with the test.
func NewServer(t testing.TB, do Handler) *Server {
	t.Helper()
	s := newServer(t, do)
	s.Addr = FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	_ = udp.SetReadBuffer(4 << 20)
	if s.tcp, err = net.Listen("tcp", s.Addr.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.CloseTCP)
	s.work.Go(func() { s.readUDP(udp) })
	s.work.Go(s.accept)
	return s
}

// NewStreamServer starts an upstream that serves the connections of a listener
// only, such as one of TLS. It ends with the test.
func NewStreamServer(t testing.TB, l net.Listener, do Handler) *Server {
	t.Helper()
	s := newServer(t, do)
	s.Addr = l.Addr().(*net.TCPAddr).AddrPort()
	s.tcp = l
	t.Cleanup(s.CloseTCP)
	s.work.Go(s.accept)
	return s
}

func newServer(t testing.TB, do Handler) *Server {
	t.Helper()
	s := &Server{do: do, done: make(chan struct{}), open: map[net.Conn]bool{}}
	t.Cleanup(func() { // after the sockets were closed
		close(s.done)
		s.mu.Lock()
		for c := range s.open {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.work.Wait()
	})
	return s
}

// Handle replaces the handler.
func (s *Server) Handle(do Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = do
}

// Handler returns the handler.
func (s *Server) Handler() Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.do
}

// Asked returns the number of queries so far, over UDP and TCP.
func (s *Server) Asked() int { return int(s.asked.Load()) }

// Conns returns the number of connections so far.
func (s *Server) Conns() int { return int(s.conns.Load()) }

// Last returns the last query, nil before the first.
func (s *Server) Last() *dns.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// CloseTCP refuses connections from now on.
func (s *Server) CloseTCP() { _ = s.tcp.Close() }

func (s *Server) readUDP(c *net.UDPConn) {
	buf := make([]byte, 65535)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		s.handle(&Exchange{Raw: append([]byte(nil), buf[:n]...), From: from, UDP: true,
			send: func(b []byte) { _, _ = c.WriteToUDPAddrPort(b, from) }})
	}
}

func (s *Server) accept() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.conns.Add(1)
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		s.work.Go(func() { s.readStream(c) })
	}
}

func (s *Server) readStream(c net.Conn) {
	defer c.Close()
	var writing sync.Mutex
	send := func(b []byte) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	}
	for {
		var head [2]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(c, msg); err != nil {
			return
		}
		s.handle(&Exchange{Raw: msg, Conn: c, From: c.RemoteAddr().(*net.TCPAddr).AddrPort(), send: send})
	}
}

// handle runs the handler in a goroutine of its own.
func (s *Server) handle(x *Exchange) {
	s.asked.Add(1)
	x.Query, x.done = new(dns.Msg), s.done
	if x.Query.Unpack(x.Raw) != nil {
		return
	}
	s.mu.Lock()
	s.last = x.Query.Copy()
	do := s.do
	s.mu.Unlock()
	s.work.Go(func() { do(x) })
}
