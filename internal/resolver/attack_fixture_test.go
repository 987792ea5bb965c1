package resolver_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// What the attackers want clients to believe, and what is true.
const (
	victim = "bank.example."
	poison = "6.6.6.6"
	truth  = "192.0.2.80"
)

// setup is a resolver under attack and its log.
type setup struct {
	*resolver.Resolver
	addr netip.AddrPort
	log  *dnsevent.Queue
}

// group is one of upstreams over a protocol.
func group(t testing.TB, proto string, timeout time.Duration, addrs ...netip.AddrPort) *upstream.Group {
	t.Helper()
	c := upstream.Config{Strategy: upstream.ParallelBest, Timeout: timeout}
	for _, a := range addrs {
		one, err := upstream.Parse(proto + "://" + a.String())
		if err != nil {
			t.Fatal(err)
		}
		c.Servers = append(c.Servers, one)
	}
	return upstream.NewGroup(c)
}

// timeout is how long a hasty resolver waits for one attempt, and budget for all
// of them.
const (
	timeout = time.Second
	budget  = longWait / 2
)

// hasty gives up soon. It is for upstreams that never answer.
func hasty(c *resolver.Config) {
	c.Limits.Budget = budget
	c.Groups = []*upstream.Group{upstream.NewGroup(upstream.Config{Strategy: upstream.ParallelBest, Timeout: timeout,
		Servers: []*upstream.Address{c.Groups[0].Stats()[0].Address}})}
}

// start starts a resolver that forwards to an upstream over UDP, and waits long. change may be
// nil. The resolver ends with the test.
func start(t testing.TB, up *dnstest.Server, change func(*resolver.Config)) *setup {
	t.Helper()
	c := resolver.Config{Listen: []netip.AddrPort{dnstest.FreePort(t, loopback)}, Rules: resolver.Rules{Special: true, PrivateTLDs: true,
		Groups: []*upstream.Group{group(t, "udp", longWait, up.Addr)},
		Policy: &dnspolicy.Config{Upstreams: []string{"default"}, Block: dnspolicy.Block{TTL: 60}}},
		Cache:  resolver.Cache{Size: 1 << 20, MaxNegative: 3600},
		Limits: resolver.Limits{InFlight: 2048, QubeInFlight: 128, TCP: 256, QubeTCP: 16, Budget: longWait},
		Qubes:  func() []*qube.Qube { return nil }, Log: dnsevent.NewQueue(4096)}
	if change != nil {
		change(&c)
	}
	return &setup{Resolver: serve(t, c), addr: c.Listen[0], log: c.Log}
}

// newQuery makes a query with EDNS. change may be nil.
func newQuery(name string, qtype uint16, change func(*dns.Msg)) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(1232, false)
	if change != nil {
		change(m)
	}
	return m
}

// client is from an address of the loopback network, as a qube would be.
func client(network, from string, timeout time.Duration) *dns.Client {
	c := &dns.Client{Net: network, Timeout: timeout, UDPSize: 65535}
	ip := net.ParseIP(from)
	c.Dialer = &net.Dialer{Timeout: timeout, LocalAddr: &net.UDPAddr{IP: ip}}
	if network == "tcp" {
		c.Dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return c
}

// ask asks over UDP and returns the answer.
func (s *setup) ask(t testing.TB, name string, qtype uint16, change func(*dns.Msg)) *dns.Msg {
	t.Helper()
	return s.over(t, "udp", name, qtype, change)
}

func (s *setup) over(t testing.TB, network, name string, qtype uint16, change func(*dns.Msg)) *dns.Msg {
	t.Helper()
	a, err := s.try(network, "127.0.0.1", newQuery(name, qtype, change))
	if err != nil {
		t.Fatalf("%s %s over %s: %v", name, dns.TypeToString[qtype], network, err)
	}
	return a
}

// try asks from an address. It may be called by any goroutine.
func (s *setup) try(network, from string, q *dns.Msg) (*dns.Msg, error) {
	a, _, err := client(network, from, longWait).Exchange(q, s.addr.String())
	return a, err
}

// text is an answer on one line, without TTLs: the code where it is not NOERROR,
// and the records.
func summary(m *dns.Msg) string {
	var out []string
	if m.Rcode != dns.RcodeSuccess {
		out = append(out, dns.RcodeToString[m.Rcode])
	}
	for _, rr := range m.Answer {
		f := strings.Split(rr.String(), "\t")
		out = append(out, f[0]+" "+strings.Join(f[3:], " "))
	}
	return strings.Join(out, ", ")
}

// expect asks and compares. It may be called by any goroutine.
func (s *setup) expect(t testing.TB, name string, qtype uint16, want string) {
	t.Helper()
	m, err := s.try("udp", "127.0.0.1", newQuery(name, qtype, nil))
	if err != nil {
		t.Errorf("%s %s: %v", name, dns.TypeToString[qtype], err)
		return
	}
	if got := summary(m); got != want {
		t.Errorf("%s %s: %q; want %q", name, dns.TypeToString[qtype], got, want)
	}
	if strings.Contains(m.String(), poison) {
		t.Errorf("%s %s: the client was given the attacker's address:\n%s", name, dns.TypeToString[qtype], m)
	}
}

// clean looks whether an attack has left anything: the victim's name must be
// asked for, at an upstream that is honest now, and so the answer be true.
func (s *setup) clean(t testing.TB, up *dnstest.Server) {
	t.Helper()
	up.Handle(dnstest.Zone(victim + " 300 IN A " + truth))
	before := up.Asked()
	s.expect(t, victim, dns.TypeA, victim+" A "+truth)
	if up.Asked() == before {
		t.Errorf("%s was answered from the cache; no client had asked for it", victim)
	}
}

// entries takes what the log has, at least n entries.
func (s *setup) entries(t testing.TB, n int) []dnsevent.Entry {
	t.Helper()
	var all []dnsevent.Entry
	for len(all) < n {
		batch := make([]dnsevent.Entry, n)
		all = append(all, batch[:s.log.Pop(batch, time.Time{})]...)
		if s.log.Done() {
			t.Fatal("the log is closed")
		}
	}
	return all
}

// together calls f n times at once and returns what it returned, in order.
func together[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { out[i] = f(i) })
	}
	all.Wait()
	return out
}

// wire is a name in wire form.
func wire(t testing.TB, name string) []byte {
	t.Helper()
	b, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// distinct returns how many different values there are.
func distinct(values []uint16) int {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return len(slices.Compact(sorted))
}

func ip(i int) string { return fmt.Sprintf("127.0.0.%d", i) }

// loopback is where resolvers and upstreams listen.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// serve starts a resolver, and returns when it listens. It ends with the test.
func serve(t testing.TB, c resolver.Config) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	select {
	case <-r.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("the resolver does not serve: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// right sends the true answer to a question for an address.
func right(x *dnstest.Exchange) { x.Answer(x.Query.Question[0].Name + " 300 IN A " + truth) }

// longTimeouts lets upstreams take as long as a test holds them back.
func longTimeouts(c *resolver.Config) {
	c.Limits.Budget = longWait
	for i, g := range c.Groups {
		one := g.Stats()[0].Address
		servers := []*upstream.Address{one, one} // the second is asked only if the first fails
		c.Groups[i] = upstream.NewGroup(upstream.Config{Strategy: upstream.Strict, Timeout: longWait, Servers: servers})
	}
}

// heldTogether calls f n times at once, for so many different questions, and opens
// the gate of the upstream when all the queries wait for it.
func (s *setup) heldTogether(t testing.TB, gate *dnstest.Gate, n, questions int, f func(i int)) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	if !gate.IsOpen() {
		dnstest.Until(t, "all queries wait", func() bool { return s.Stats().Joined == uint64(n-questions) })
		gate.Open()
	}
	all.Wait()
}
