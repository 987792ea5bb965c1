package resolver_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// dial opens a connection to the resolver from an address.
func (s *setup) dial(t testing.TB, from string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: longWait}
	c, err := d.Dial("tcp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// closed reports whether the resolver has closed a connection, or does so in a time.
func isClosed(c net.Conn, within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// open waits until so many connections are open.
func (s *setup) open(t testing.TB, n uint64) {
	t.Helper()
	dnstest.Until(t, fmt.Sprintf("%d connections are open", n), func() bool { return s.Stats().TCPOpen == n })
}

// One client may have 16 connections; the next one is closed at once, and others
// do not notice.
func TestSlow_oneClient(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { right(x) })
	s := start(t, up, nil)
	s.open(t, 0)
	var held []*net.TCPConn
	for range 16 {
		held = append(held, s.dial(t, ip(2)))
	}
	s.open(t, 16)
	for range 10 {
		if c := s.dial(t, ip(2)); !isClosed(c, longWait) {
			t.Error("a connection too many stays open")
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		if a, err := s.try(network, ip(3), newQuery("www.example", dns.TypeA, nil)); err != nil || a.Rcode != 0 {
			t.Errorf("another client over %s: %v, %v", network, a, err)
		}
		if a, err := s.try("udp", ip(2), newQuery("www.example", dns.TypeA, nil)); err != nil || a.Rcode != 0 {
			t.Errorf("the same client over UDP: %v, %v", a, err)
		}
	}
	// No client has sent a byte: after 2 s all are closed, and the client may come again.
	for _, c := range held {
		if !isClosed(c, longWait) {
			t.Error("a connection without a query stays open")
		}
	}
	s.open(t, 0)
	if a, err := s.try("tcp", ip(2), newQuery("www.example", dns.TypeA, nil)); err != nil || a.Rcode != 0 {
		t.Errorf("the same client, later: %v, %v", a, err)
	}
	if n := s.Stats().TCPRefused; n != 10 {
		t.Errorf("%d connections were refused; want 10", n)
	}
}

// fill opens 256 connections of 16 clients. Each is closed after 2 s: on a busy machine the
// first may be gone before the last is there, and all are opened again.
func (s *setup) fill(t testing.TB) {
	t.Helper()
	dnstest.Until(t, "256 connections are open", func() bool {
		s.open(t, 0)
		for i := range 16 {
			for range 16 {
				s.dial(t, ip(10+i))
			}
		}
		return poll.Within(time.Second, func() bool { return s.Stats().TCPOpen == 256 })
	})
}

// 256 connections of all clients together are the limit.
func TestSlow_allClients(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { right(x) })
	s := start(t, up, nil)
	s.open(t, 0)
	s.fill(t)
	if c := s.dial(t, ip(3)); !isClosed(c, longWait) {
		t.Error("connection 257 stays open")
	}
	if a, err := s.try("udp", ip(3), newQuery("www.example", dns.TypeA, nil)); err != nil || a.Rcode != 0 {
		t.Errorf("over UDP: %v, %v", a, err)
	}
	s.open(t, 0) // after 2 s
	if a, err := s.try("tcp", ip(3), newQuery("www.example", dns.TypeA, nil)); err != nil || a.Rcode != 0 {
		t.Errorf("over TCP, when there is room again: %v, %v", a, err)
	}
}

// A client that sends a byte a second has 2 s for a query, not for each byte.
func TestSlow_byteASecond(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { right(x) })
	s := start(t, up, nil)
	b := dnstest.Pack(newQuery("www.example", dns.TypeA, nil))
	b = append([]byte{0, byte(len(b))}, b...)
	c := s.dial(t, ip(2))
	began := time.Now()
	n := 0
	for ; n < len(b)-1 && !isClosed(c, 500*time.Millisecond); n++ {
		_, _ = c.Write(b[n : n+1])
	}
	if took := time.Since(began); n == len(b)-1 { // each byte with its own 2 s would get so far
		t.Errorf("the connection was open for %v and %d bytes; want 2 s or so", took, n)
	}
	s.open(t, 0)
}

// A client that asks and does not read is let go: it holds neither its
// connection nor the work of others.
func TestSlow_reader(t *testing.T) {
	t.Parallel()
	var big []string
	for i := range 200 {
		big = append(big, fmt.Sprintf("www.example. 300 IN TXT %q", fmt.Sprintf("%03d", i)+strings.Repeat("x", 240)))
	}
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		if x.Name() != "www.example." {
			right(x)
		} else if !truncated(x) {
			x.Answer(big...)
		}
	})
	s := start(t, up, nil)
	s.open(t, 0)
	q := dnstest.Pack(newQuery("www.example", dns.TypeTXT, nil))
	q = append([]byte{0, byte(len(q))}, q...)
	for i := range 4 { // of different clients: one alone would find no room for so many queries
		c := s.dial(t, ip(20+i))
		_ = c.SetReadBuffer(4096)
		for range 200 { // 200 answers of 50 kB: more than sockets hold
			_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := c.Write(q); err != nil {
				break
			}
		}
	}
	for i := range 20 {
		began := time.Now()
		a, err := s.try([]string{"udp", "tcp"}[i%2], ip(3), newQuery(fmt.Sprintf("x%d.example", i), dns.TypeA, nil))
		if took := time.Since(began); err != nil || a.Rcode != 0 || took > longWait/2 {
			t.Errorf("another client, after %v: %v, %v", took, a, err)
		}
	}
	s.open(t, 0) // each is closed 2 s after it has stopped to read
}

// Many queries on one connection, and more than may wait, are all answered.
func TestSlow_pipeline(t *testing.T) {
	t.Parallel()
	gate := dnstest.NewGate()
	up := dnstest.NewServer(t, gate.Hold(right))
	s := start(t, up, nil)
	c := &dns.Conn{Conn: s.dial(t, ip(2))}
	const n = 300
	go func() {
		for i := range n {
			_ = c.WriteMsg(newQuery(fmt.Sprintf("x%d.example", i), dns.TypeA, func(m *dns.Msg) { m.Id = uint16(i) }))
		}
	}()
	dnstest.Until(t, "as many wait as one connection may have", func() bool { return s.Stats().Waiting == 64 })
	gate.Open()
	seen := map[uint16]bool{}
	_ = c.SetReadDeadline(time.Now().Add(longWait))
	for len(seen) < n {
		m, err := c.ReadMsg()
		if err != nil {
			t.Fatalf("after %d answers: %v", len(seen), err)
		}
		if m.Rcode != 0 || m.Question[0].Name != fmt.Sprintf("x%d.example.", m.Id) || seen[m.Id] {
			t.Errorf("answer %d: %s", len(seen), m)
		}
		seen[m.Id] = true
	}
}
