package upstream_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// lookups are made once for each name, and not at all for addresses.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	s := udp(t, func(x *exchange) {
		name, kind := strings.ToLower(x.q.Question[0].Name), x.q.Question[0].Qtype
		m := x.good("127.0.0.1")
		switch {
		case strings.HasPrefix(name, "none."):
			m.Rcode, m.Answer = dns.RcodeNameError, nil
		case strings.HasPrefix(name, "six."):
			if m.Answer = nil; kind == dns.TypeAAAA {
				m.Answer = []dns.RR{&dns.AAAA{Hdr: dns.RR_Header{Name: x.q.Question[0].Name, Rrtype: kind, Class: 1, Ttl: 60}, AAAA: net.ParseIP("2001:db8::1")}}
			}
		case strings.HasPrefix(name, "zero."):
			m.Answer[0].Header().Ttl = 0
		}
		x.answer(m)
	})
	b := upstream.NewBootstrap(newGroup(t, upstream.Strict, nil, s.addr))
	for _, tt := range []struct {
		host, want string
		asked      int32 // in all of two lookups; -1 for any
	}{
		{"dns.test", "127.0.0.1", 2},      // of both families, once
		{"zero.dns.test", "127.0.0.1", 2}, // a minute at least
		{"six.dns.test", "2001:db8::1", 2},
		{"none.dns.test", "", -1},
		{"192.0.2.7", "192.0.2.7", 0},
		{"2001:db8::7", "2001:db8::7", 0},
		{"bad..name", "", 0},
		{strings.Repeat("a", 64) + ".test", "", 0},
	} {
		before := s.asked.Load()
		for range 2 {
			all, err := b.Lookup(t.Context(), tt.host)
			if tt.want == "" && err == nil || tt.want != "" && (len(all) == 0 || all[0] != netip.MustParseAddr(tt.want)) {
				t.Errorf("Lookup(%q) = %v, %v; want %s first", tt.host, all, err, tt.want)
			}
		}
		if n := s.asked.Load() - before; tt.asked >= 0 && n != tt.asked {
			t.Errorf("Lookup(%q): the server was asked %d times; want %d", tt.host, n, tt.asked)
		}
	}
}

// Servers that are given by name are found by Lookup, and checked by their name.
func TestBootstrap_group(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	cert := chain(root.leaf(t, serverName))
	over := dot(t, cert, says(ipA))
	_, port, _ := net.SplitHostPort(over.addr)
	_, webPort, _ := net.SplitHostPort(strings.Split(doh(t, cert, func(w http.ResponseWriter, r *http.Request) { reply(w, r, nil) }), "/")[2])
	for _, address := range []string{"tls://" + serverName + ":" + port, "https://" + serverName + ":" + webPort + "/dns-query"} {
		var lookups atomic.Int32
		g := newGroup(t, upstream.Strict, func(c *upstream.Config) {
			c.Roots = pool(root)
			c.Lookup = func(_ context.Context, host string, _ bool) ([]netip.Addr, error) {
				lookups.Add(1)
				if host != serverName {
					t.Errorf("Lookup(%q); want %s", host, serverName)
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
		}, address)
		for range 5 {
			want(t, g, ipA)
		}
		if n := lookups.Load(); n != 1 {
			t.Errorf("%s: %d lookups; want one, for the one connection", address, n)
		}
	}
}

// A lookup that fails or takes its time is an error of the server, in time.
func TestBootstrap_failed(t *testing.T) {
	t.Parallel()
	next := udp(t, says(ipB))
	for name, lookup := range map[string]upstream.Lookup{
		"fails": func(context.Context, string, bool) ([]netip.Addr, error) { return nil, upstream.ErrTimeout },
		"is silent": func(ctx context.Context, _ string, _ bool) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		g := newGroup(t, upstream.Strict, func(c *upstream.Config) { c.Lookup, c.Timeout = lookup, brief }, "tls://"+serverName, next.addr)
		began := time.Now()
		want(t, g, ipB)
		if took := time.Since(began); took > longWait/2 {
			t.Errorf("a lookup that %s: it took %v", name, took)
		}
	}
}
