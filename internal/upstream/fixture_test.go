package upstream_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// server is an upstream that does what a test says.
type server struct {
	addr  string
	asked atomic.Int32
	conns atomic.Int32
	do    func(x *exchange)
	work  sync.WaitGroup
	mu    sync.Mutex
	open  map[net.Conn]bool // guarded by mu
	sizes []int             // guarded by mu: of the queries
}

// exchange is a query and the way back.
type exchange struct {
	q    *dns.Msg
	conn net.Conn // nil over UDP
	send func(b []byte)
}

// answer sends a message.
func (x *exchange) answer(m *dns.Msg) {
	b, err := m.Pack()
	if err != nil {
		panic("upstream: " + err.Error())
	}
	x.send(b)
}

// good is the answer to a question for an address.
func (x *exchange) good(ip string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(x.q)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: x.q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, A: net.ParseIP(ip)}}
	return m
}

// Some servers.
func says(ip string) func(x *exchange) { return func(x *exchange) { x.answer(x.good(ip)) } }

func fails(x *exchange) { x.answer(new(dns.Msg).SetRcode(x.q, dns.RcodeServerFailure)) }

func silent(*exchange) {}

func slow(d time.Duration, do func(x *exchange)) func(x *exchange) {
	return func(x *exchange) {
		time.Sleep(d)
		do(x)
	}
}

func newServer(t testing.TB, do func(x *exchange)) *server {
	t.Helper()
	s := &server{do: do, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		s.mu.Lock()
		for c := range s.open {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.work.Wait()
	})
	return s
}

// udp serves over UDP, on a free port.
func udp(t testing.TB, do func(x *exchange)) *server {
	t.Helper()
	s := newServer(t, do)
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = c.LocalAddr().String()
	s.work.Go(func() {
		buf := make([]byte, 65535)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			s.handle(append([]byte(nil), buf[:n]...), nil, func(b []byte) { _, _ = c.WriteTo(b, from) })
		}
	})
	t.Cleanup(func() { _ = c.Close() })
	return s
}

// stream serves over connections of a listener.
func stream(t testing.TB, l net.Listener, do func(x *exchange)) *server {
	t.Helper()
	s := newServer(t, do)
	s.addr = l.Addr().String()
	s.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[c] = true
			s.mu.Unlock()
			s.conns.Add(1)
			s.work.Go(func() { s.read(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return s
}

func tcp(t testing.TB, do func(x *exchange)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return stream(t, l, do)
}

func (s *server) read(c net.Conn) {
	defer c.Close()
	var writing sync.Mutex
	for {
		var head [2]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		s.handle(b, c, func(b []byte) {
			writing.Lock()
			defer writing.Unlock()
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		})
	}
}

func (s *server) handle(b []byte, c net.Conn, send func([]byte)) {
	s.asked.Add(1)
	s.mu.Lock()
	s.sizes = append(s.sizes, len(b))
	s.mu.Unlock()
	x := &exchange{q: new(dns.Msg), conn: c, send: send}
	if x.q.Unpack(b) == nil {
		s.work.Go(func() { s.do(x) })
	}
}

// longWait is how long a test waits for an answer, and a group for an attempt unless the
// test is about that: longer than a busy machine takes. brief is for servers that never
// answer; the others have that time, too.
const (
	longWait = time.Minute
	brief    = 2 * time.Second
)

// timeout returns what sets the timeout of an attempt.
func timeout(d time.Duration) func(*upstream.Config) {
	return func(c *upstream.Config) { c.Timeout = d }
}

// newGroup makes a group of addresses with a long timeout. change may be nil.
func newGroup(t testing.TB, strategy upstream.Strategy, change func(*upstream.Config), addrs ...string) *upstream.Group {
	t.Helper()
	c := upstream.Config{Strategy: strategy, Timeout: longWait}
	for _, text := range addrs {
		a, err := upstream.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Servers = append(c.Servers, a)
	}
	if change != nil {
		change(&c)
	}
	g := upstream.NewGroup(c)
	t.Cleanup(g.Close)
	return g
}

// question is one for an address.
func question(t testing.TB, name string) *upstream.Query {
	t.Helper()
	wire, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return &upstream.Query{Question: dnsmsg.Question{Name: wire, Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN}}
}

// ask asks for www.example and returns the address in the answer.
func ask(t testing.TB, g *upstream.Group) (ip string, a upstream.Answer, err error) {
	t.Helper()
	return askFor(t, g, "www.example")
}

func askFor(t testing.TB, g *upstream.Group, name string) (ip string, a upstream.Answer, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longWait)
	defer cancel()
	if a, err = g.Ask(ctx, question(t, name)); err != nil {
		return "", a, err
	}
	m := new(dns.Msg)
	if err := m.Unpack(a.Msg); err != nil || len(m.Answer) != 1 {
		t.Errorf("%s: %v, %v; want one record", name, m, err)
		return "", a, err
	}
	if got := m.Question[0].Name; !strings.EqualFold(got, dns.Fqdn(name)) {
		t.Errorf("the answer to %s is one to %s", name, got)
	}
	return m.Answer[0].(*dns.A).A.String(), a, nil
}

// want asks and compares.
func want(t testing.TB, g *upstream.Group, ip string) upstream.Answer {
	t.Helper()
	got, a, err := ask(t, g)
	if err != nil || got != ip {
		t.Errorf("Ask = %s, %v; want %s", got, err, ip)
	}
	return a
}
