package upstream_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Addresses of a server by name: the live one is where the servers of the tests
// listen, and no server listens at the dead one.
const (
	live    = "127.0.0.1"
	dead    = "127.0.0.62"
	dark    = "127.0.0.61"  // accepts connections and says nothing
	nowhere = "2001:db8::1" // there is no way to it
)

// finds is a lookup with the same addresses each time.
func finds(list ...string) upstream.Lookup {
	return func(context.Context, string, bool) (all []netip.Addr, _ error) {
		for _, text := range list {
			all = append(all, netip.MustParseAddr(text))
		}
		return all, nil
	}
}

// silentAt listens at another address with the port of a server, and says nothing. It
// returns the number of its connections.
func silentAt(t *testing.T, ip, port string) *atomic.Int32 {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
	if err != nil {
		t.Skipf("no second server: %v", err)
	}
	s := stream(t, l, silent)
	return &s.conns
}

// withName gives a group the addresses of its server.
func withName(root *authority, lookup upstream.Lookup) func(*upstream.Config) {
	return func(c *upstream.Config) { c.Roots, c.Timeout, c.Lookup = pool(root), time.Second, lookup }
}

// TestCase17_every_address_is_tried asks servers by name of which only one address
// works, over each protocol, in either order.
func TestCase17_every_address_is_tried(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	cert := chain(root.leaf(t, serverName))
	dotServer, tcpServer, udpServer := dot(t, cert, says(ipA)), tcp(t, says(ipA)), udp(t, says(ipA))
	web := doh(t, cert, func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, func(m *dns.Msg) { m.Answer[0].(*dns.A).A = net.ParseIP(ipA) })
	})
	for proto, at := range map[string]string{"tls": dotServer.addr, "tcp": tcpServer.addr, "udp": udpServer.addr, "https": strings.Split(web, "/")[2]} {
		_, port, _ := net.SplitHostPort(at)
		address := proto + "://" + serverName + ":" + port
		if proto != "udp" {
			silentAt(t, dark, port)
		}
		for _, order := range [][]string{{dead, live}, {live, dead}, {nowhere, live}, {live, nowhere}, {dark, live}, {dead, dark, nowhere, live}} {
			g := newGroup(t, upstream.Strict, withName(root, finds(order...)), address)
			for range 4 {
				began := time.Now()
				want(t, g, ipA)
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s at %v: %v", proto, order, took)
				}
			}
			if !g.Asks(netip.MustParseAddrPort(at)) || g.Asks(netip.MustParseAddrPort("192.0.2.1:"+port)) {
				t.Errorf("%s at %v: Asks does not know where it asks", proto, order)
			}
		}
	}
}

// The address that has answered is asked first from then on.
func TestCase17_the_good_address_is_remembered(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	s := dot(t, chain(root.leaf(t, serverName)), says(ipA))
	_, port, _ := net.SplitHostPort(s.addr)
	slow := silentAt(t, dark, port)
	g := newGroup(t, upstream.Strict, withName(root, finds(dark, live)), "tls://"+serverName+":"+port)
	for range 5 {
		want(t, g, ipA)
		g.Close() // so that each query needs a connection
	}
	if n := slow.Load(); n != 1 {
		t.Errorf("the silent address got %d connections; want the first only", n)
	}
}

// A server whose certificate is wrong, that closes, or that accepts queries and does
// not answer them, is no reason to give up the other addresses.
func TestCase17_an_address_that_does_not_answer(t *testing.T) {
	t.Parallel()
	root, other := newCA(t, nil, "root"), newCA(t, nil, "other")
	cert := chain(root.leaf(t, serverName))
	for name, first := range map[string]struct {
		cert tls.Certificate
		do   func(*exchange)
	}{
		"wrong certificate": {chain(other.leaf(t, serverName)), says(ipB)},
		"closes":            {cert, func(x *exchange) { _ = x.conn.Close() }},
		"silent":            {cert, silent},
	} {
		s := dot(t, cert, says(ipA))
		_, port, _ := net.SplitHostPort(s.addr)
		l, err := tls.Listen("tcp", net.JoinHostPort(dark, port), &tls.Config{Certificates: []tls.Certificate{first.cert}})
		if err != nil {
			t.Skipf("no second server: %v", err)
		}
		stream(t, l, first.do)
		g := newGroup(t, upstream.Strict, func(c *upstream.Config) {
			withName(root, finds(dark, live))(c)
			c.Timeout = 400 * time.Millisecond
		}, "tls://"+serverName+":"+port)
		for range 2 {
			if ip, _, err := ask(t, g); ip != ipA {
				t.Errorf("%s: %q, %v; want the answer of the other address", name, ip, err)
			}
		}
	}
}

// If no address works, the name is looked up again although its TTL is not over.
func TestCase17_looked_up_again_if_all_fail(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	s := dot(t, chain(root.leaf(t, serverName)), says(ipA))
	_, port, _ := net.SplitHostPort(s.addr)
	var asked []bool
	lookup := func(ctx context.Context, host string, again bool) ([]netip.Addr, error) {
		asked = append(asked, again)
		if again {
			return finds(dead, live)(ctx, host, again)
		}
		return finds(dead)(ctx, host, again)
	}
	want(t, newGroup(t, upstream.Strict, withName(root, lookup), "tls://"+serverName+":"+port), ipA)
	if !slices.Equal(asked, []bool{false, true}) {
		t.Errorf("lookups = %v; want one, and one again", asked)
	}
}

// A server over TLS or HTTPS whose encrypted port does not answer is never asked in
// clear text, at none of its addresses: those that dot watches fail the test.
func TestCase17_no_clear_text(t *testing.T) {
	t.Parallel()
	root, other := newCA(t, nil, "root"), newCA(t, nil, "other")
	s := dot(t, chain(other.leaf(t, serverName)), says(ipA))
	_, port, _ := net.SplitHostPort(s.addr)
	for _, proto := range []string{"tls", "https"} {
		g := newGroup(t, upstream.Random, withName(root, finds(live, dead)), proto+"://"+serverName+":"+port)
		if ip, _, err := ask(t, g); err == nil {
			t.Errorf("%s: %s; want an error, because the certificate is wrong", proto, ip)
		}
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("the server got %d queries", n)
	}
}

// Both families are looked up at once, and one that does not answer delays the other
// only a little. The addresses of IPv4 come first, whichever answer did.
func TestBootstrap_families(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var first func() // sends the answer that came first and is to come last; guarded by mu
	s := udp(t, func(x *exchange) {
		name, family := x.q.Question[0].Name, x.q.Question[0].Qtype
		m := x.good("127.0.0.1")
		if family == dns.TypeAAAA {
			m.Answer = []dns.RR{&dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: 1, Ttl: 60}, AAAA: net.ParseIP(nowhere)}}
		}
		mu.Lock()
		defer mu.Unlock()
		switch send := func() { x.answer(m) }; {
		case strings.HasPrefix(name, "four.") && family == dns.TypeAAAA: // silent
		case !strings.HasPrefix(name, "late."):
			send()
		case first == nil:
			first = send
		case family == dns.TypeAAAA:
			send()
			first()
		default:
			first()
			send()
		}
	})
	b := upstream.NewBootstrap(newGroup(t, upstream.Strict, nil, s.addr))
	for host, want := range map[string][]string{"both.dns.test": {live, nowhere}, "late.dns.test": {live, nowhere}, "four.dns.test": {live}} {
		began := time.Now()
		all, err := b.Addresses(t.Context(), host, false)
		if text := strings.Trim(fmt.Sprint(all), "[]"); err != nil || text != strings.Join(want, " ") {
			t.Errorf("Addresses(%s) = %v, %v; want %v", host, all, err, want)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Addresses(%s) took %v", host, took)
		}
	}
}
