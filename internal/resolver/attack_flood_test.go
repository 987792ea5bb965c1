package resolver_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// socket is one from an address to the resolver, for sending without waiting.
func (s *setup) socket(t testing.TB, from string) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, net.UDPAddrFromAddrPort(s.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// One qube asks for names that do not exist, each once, of a zone whose servers
// say nothing (water torture): 128 of its queries wait, the others fail at once,
// and other qubes get their answers meanwhile.
func TestFlood_randomNames(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		if !strings.HasSuffix(x.Name(), ".flood.example.") {
			right(x)
		}
	})
	s := start(t, up, nil)
	s.log.Close() // nothing reads it
	stop := make(chan struct{})
	done := make(chan struct{})
	c := s.socket(t, ip(2))
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond) // some 10,000 queries a second
		defer tick.Stop()
		for i := 0; ; i++ {
			_, _ = c.Write(dnstest.Pack(newQuery(fmt.Sprintf("x%d.flood.example", i), dns.TypeA, nil)))
			if i%20 != 0 {
				continue
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	dnstest.Until(t, "the flood has used up its share", func() bool { return s.Stats().Waiting >= 128 })
	most, slow := uint64(0), time.Duration(0)
	for i := range 60 {
		began := time.Now()
		a, err := s.try("udp", ip(3), newQuery(fmt.Sprintf("y%d.good.example", i), dns.TypeA, nil))
		slow = max(slow, time.Since(began))
		if err != nil || a.Rcode != 0 || len(a.Answer) != 1 {
			t.Errorf("another qube, query %d: %v, %v", i, a, err)
		}
		most = max(most, s.Stats().Waiting)
	}
	dnstest.Until(t, "a hundred queries of the flood have found no room", func() bool { return s.Stats().Actions[dnsevent.Failed] >= 100 })
	close(stop)
	<-done
	if most < 100 || most > 128+1 { // and one of the other qube
		t.Errorf("%d queries were waiting; want 128 of the flood", most)
	}
	if slow > longWait/2 { // not until the flood has given up
		t.Errorf("another qube waited for %v", slow)
	}
	s.clean(t, up)
}

// The same over TCP, on as many connections as one qube may have.
func TestFlood_overTCP(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		if !strings.HasSuffix(x.Name(), ".flood.example.") {
			right(x)
		}
	})
	s := start(t, up, nil)
	s.log.Close()
	s.open(t, 0)
	for i := range 16 {
		c := &dns.Conn{Conn: s.dial(t, ip(2))}
		for n := range 60 {
			if err := c.WriteMsg(newQuery(fmt.Sprintf("x%d.c%d.flood.example", n, i), dns.TypeA, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	dnstest.Until(t, "the flood has used up its share", func() bool { return s.Stats().Waiting >= 128 })
	for i := range 20 {
		a, err := s.try([]string{"udp", "tcp"}[i%2], ip(3), newQuery(fmt.Sprintf("y%d.good.example", i), dns.TypeA, nil))
		if err != nil || a.Rcode != 0 {
			t.Errorf("another qube, query %d: %v, %v", i, a, err)
		}
		if n := s.Stats().Waiting; n > 129 {
			t.Errorf("%d queries were waiting; want 128 and one", n)
		}
	}
	s.clean(t, up)
}

// All qubes together do not wait for more than the limit allows.
func TestFlood_manyClients(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, dnstest.Silent)
	s := start(t, up, func(c *resolver.Config) { c.Limits.InFlight, c.Limits.QubeInFlight = 100, 20 })
	for i := range 10 {
		c := s.socket(t, ip(10+i))
		for n := range 40 {
			_, _ = c.Write(dnstest.Pack(newQuery(fmt.Sprintf("x%d.c%d.example", n, i), dns.TypeA, nil)))
		}
	}
	dnstest.Until(t, "all queries have come", func() bool {
		if n := s.Stats().Waiting; n > 100 {
			t.Fatalf("%d queries were waiting; want 100 at most", n)
		}
		return s.Stats().Received >= 400
	})
	for _, e := range s.entries(t, 300)[:300] {
		if e.Match != dnsevent.MatchBusy {
			t.Errorf("%v of a query that waits: %v", e.Action, e.Match)
		}
	}
	if n := s.Stats().Waiting; n != 100 {
		t.Errorf("%d queries wait; want 100", n)
	}
}
