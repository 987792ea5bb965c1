package latency_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// setup is a resolver under attack.
type setup struct {
	*resolver.Resolver
	addr netip.AddrPort
}

// start starts a resolver that has www.example in its cache. It ends with the
// test.
func start(t testing.TB) *setup {
	t.Helper()
	up := dnstest.NewServer(t, dnstest.Zone("www.example. 300 IN A 192.0.2.80"))
	a, err := upstream.Parse("udp://" + up.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	group := upstream.NewGroup(upstream.Config{Servers: []*upstream.Address{a}, Strategy: upstream.ParallelBest, Timeout: time.Minute})
	addr := dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	r, err := resolver.New(resolver.Config{Listen: []netip.AddrPort{addr}, Readers: 2,
		Rules: resolver.Rules{Special: true, PrivateTLDs: true, Groups: []*upstream.Group{group},
			Policy: &dnspolicy.Config{Upstreams: []string{"default"}, Block: dnspolicy.Block{TTL: 60}}},
		Cache: resolver.Cache{Size: 1 << 20, MaxNegative: 3600},
		Limits: resolver.Limits{InFlight: 2048, QubeInFlight: 128, TCP: 256, QubeTCP: 16, Budget: time.Minute,
			Rate: 1000, Burst: 2000}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-r.Ready()
	m, err := dns.Exchange(query("www.example"), addr.String())
	if err != nil || len(m.Answer) != 1 {
		t.Fatalf("www.example: %v, %v", m, err)
	}
	return &setup{Resolver: r, addr: addr}
}

// query makes a query for an address.
func query(name string) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeA)
	m.SetEdns0(1232, false)
	return m
}

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

func ip(i int) string { return fmt.Sprintf("127.0.0.%d", i) }
