package dnsserver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// echo answers with the query. One that begins with "later" is answered when
// release is closed, one that begins with "never" not at all.
type echo struct {
	release chan struct{}
	held    chan dnsserver.Arrival // of queries that wait
}

// NewSession implements dnsserver.Handler.
func (e *echo) NewSession() dnsserver.Session { return e }

// Failed implements [dnsserver.Session].
func (e *echo) Failed(*dnsserver.Query) {}

// Handle implements dnsserver.Session.
func (e *echo) Handle(q *dnsserver.Query, dst []byte) ([]byte, bool) {
	switch {
	case bytes.HasPrefix(q.Msg, []byte("never")):
		return nil, true
	case bytes.HasPrefix(q.Msg, []byte("later")):
		to, reply := q.Defer(), bytes.Clone(q.Msg)
		e.held <- q.Arrival
		go func() {
			<-e.release
			to.Respond(reply)
		}()
		return nil, false
	}
	return append(dst, q.Msg...), true
}

// start starts a server that ends with the test, or with stop.
func start(t *testing.T, change func(c *dnsserver.Config)) (s *dnsserver.Server, addr string, e *echo, stop func()) {
	t.Helper()
	e = &echo{release: make(chan struct{}), held: make(chan dnsserver.Arrival, 8)}
	at := dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	c := dnsserver.Config{Listen: []netip.AddrPort{at}, Readers: 2, Handler: e, MaxConns: 3, MaxConnsPerClient: 2}
	if change != nil {
		change(&c)
	}
	s = dnsserver.New(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	<-s.Listening()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return s, at.String(), e, stop
}

func dial(t *testing.T, network, from, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// send sends a message, with its length before it over TCP.
func send(t *testing.T, c net.Conn, msg string) {
	t.Helper()
	b := []byte(msg)
	if _, ok := c.(*net.TCPConn); ok {
		b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.Conn) string {
	t.Helper()
	buf := make([]byte, 4096)
	if _, ok := c.(*net.TCPConn); ok {
		if _, err := io.ReadFull(c, buf[:2]); err != nil {
			t.Fatal(err)
		}
		n := int(binary.BigEndian.Uint16(buf))
		if _, err := io.ReadFull(c, buf[:n]); err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// TestServer holds that queries are answered at once or later, in any order, and
// that the handler learns where they come from.
func TestServer(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			s, addr, e, _ := start(t, nil)
			c := dial(t, network, "127.0.0.2", addr)
			send(t, c, "later, much later")
			a := <-e.held
			if a.From.String() != c.LocalAddr().String() || a.Local.String() != addr || a.TCP != (network == "tcp") || a.Size != 17 || a.At == 0 {
				t.Errorf("arrival %+v; want one from %s to %s", a, c.LocalAddr(), addr)
			}
			send(t, c, "never at all")
			send(t, c, "at once, first")
			if got := receive(t, c); got != "at once, first" {
				t.Errorf("the answer is %q; want that to the last query", got)
			}
			close(e.release)
			if got := receive(t, c); got != "later, much later" {
				t.Errorf("the answer is %q; want that to the first query", got)
			}
			if st := s.Stats(); st.UDP+st.TCP != 3 || st.Unsent != 0 {
				t.Errorf("stats %+v; want 3 queries", st)
			}
		})
	}
}

// TestServer_limits holds how many connections there may be.
func TestServer_limits(t *testing.T) {
	t.Parallel()
	s, addr, _, _ := start(t, nil)
	closed := func(c net.Conn) bool {
		_, err := c.Read(make([]byte, 1))
		return err == io.EOF || err != nil && strings.Contains(err.Error(), "reset")
	}
	first := dial(t, "tcp", "127.0.0.2", addr)
	dial(t, "tcp", "127.0.0.2", addr)
	dnstest.Until(t, "two are open", func() bool { return s.Stats().TCPOpen == 2 })
	if !closed(dial(t, "tcp", "127.0.0.2", addr)) {
		t.Error("a client has three connections; want two")
	}
	dial(t, "tcp", "127.0.0.3", addr)
	dnstest.Until(t, "three are open", func() bool { return s.Stats().TCPOpen == 3 })
	if !closed(dial(t, "tcp", "127.0.0.4", addr)) {
		t.Error("there are four connections; want three")
	}
	_ = first.Close()
	dnstest.Until(t, "there is room again", func() bool { return s.Stats().TCPOpen == 2 })
	c := dial(t, "tcp", "127.0.0.2", addr)
	send(t, c, "is there room?")
	if got := receive(t, c); got != "is there room?" || s.Stats().TCPRefused != 2 {
		t.Errorf("got %q, stats %+v; want an answer and 2 refused", got, s.Stats())
	}
}

// TestServer_malformed holds that a length that no query has ends the connection.
func TestServer_malformed(t *testing.T) {
	t.Parallel()
	s, addr, _, _ := start(t, nil)
	for _, length := range []string{"\x00\x00", "\x00\x0b", "\x20\x01", "\xff\xff"} {
		c := dial(t, "tcp", "127.0.0.2", addr)
		_, _ = c.Write([]byte(length + "some more bytes"))
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("length %x: %d bytes, %v; want the end of the connection", length, n, err)
		}
	}
	dnstest.Until(t, "all are closed", func() bool { return s.Stats().TCPOpen == 0 })
}

// TestServer_stop holds that the end closes connections but waits for the answers
// that a handler still owes.
func TestServer_stop(t *testing.T) {
	t.Parallel()
	s, addr, e, stop := start(t, nil)
	c := dial(t, "tcp", "127.0.0.2", addr)
	send(t, c, "later, after the end")
	<-e.held
	done := make(chan struct{})
	go func() { defer close(done); stop() }()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open after the end")
	}
	select {
	case <-done:
		t.Error("Serve has returned before the handler has answered")
	default:
	}
	close(e.release)
	<-done
	if st := s.Stats(); st.TCPOpen != 0 || st.Unsent != 1 {
		t.Errorf("stats %+v; want no connection, and one answer that could not be sent", st)
	}
}

// TestServer_taken holds that an address that is taken is an error with a hint, and
// that nothing stays open then.
func TestServer_taken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	s := dnsserver.New(dnsserver.Config{Listen: []netip.AddrPort{at}, Handler: &echo{}})
	err = s.Serve(t.Context())
	if err == nil || !strings.Contains(err.Error(), "tcp "+at.String()) || !strings.Contains(err.Error(), "ss -lnp") {
		t.Errorf("Serve = %v; want an error that names the address and a hint", err)
	}
	pc, err := net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatalf("the UDP socket is still open: %v", err)
	}
	_ = pc.Close()
}
