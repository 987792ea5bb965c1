package upstream_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// cookieOf returns the cookie of a query, in hexadecimal.
func cookieOf(q *dns.Msg) string {
	if o := q.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if c, ok := opt.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
	}
	return ""
}

// baked adds a cookie to an answer.
func baked(m *dns.Msg, cookie string) *dns.Msg {
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
	return m
}

const serverCookie = "f0f1f2f3f4f5f6f7"

// A server is shown a cookie of eight bytes, and then, too, what it has added to
// it (RFC 7873).
func TestCookie(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var shown []string
	bake := func(x *exchange) {
		mu.Lock()
		shown = append(shown, cookieOf(x.q))
		mu.Unlock()
		x.answer(baked(x.good(ipA), cookieOf(x.q)[:16]+serverCookie))
	}
	a, b := udp(t, bake), udp(t, bake)
	for _, s := range []*server{a, b} {
		g := newGroup(t, upstream.Strict, nil, s.addr)
		want(t, g, ipA)
		want(t, g, ipA)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(shown) != 4 || len(shown[0]) != 16 || shown[1] != shown[0]+serverCookie || shown[2] == shown[0] || len(shown[2]) != 16 {
		t.Errorf("the cookies are %q; want 8 bytes, then 16, and other ones for each server", shown)
	}
}

// An answer with another cookie is a forged one; one without is taken from a
// server that has never shown one, and only from that.
func TestCookie_forged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		forged  func(x *exchange) *dns.Msg
		knows   bool // the server has shown its cookie before
		accepts bool
	}{
		{"other cookie", func(x *exchange) *dns.Msg { return baked(x.good(ipB), "0102030405060708"+serverCookie) }, false, false},
		{"other cookie, known", func(x *exchange) *dns.Msg { return baked(x.good(ipB), "0102030405060708"+serverCookie) }, true, false},
		{"one bit off", func(x *exchange) *dns.Msg {
			c := []byte(cookieOf(x.q)[:16] + serverCookie)
			c[0] = map[bool]byte{true: '1', false: '0'}[c[0] == '0']
			return baked(x.good(ipB), string(c))
		}, true, false},
		{"short cookie", func(x *exchange) *dns.Msg { return baked(x.good(ipB), cookieOf(x.q)[:8]) }, false, false},
		{"no cookie", func(x *exchange) *dns.Msg { return x.good(ipB) }, false, true},
		{"no cookie, known", func(x *exchange) *dns.Msg { return x.good(ipB) }, true, false}, // RFC 7873 section 5.3
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			right := func(x *exchange) { x.answer(baked(x.good(ipA), cookieOf(x.q)[:16]+serverCookie)) }
			var seen atomic.Int32
			s := udp(t, func(x *exchange) {
				if seen.Add(1) > 1 || !tt.knows {
					x.answer(tt.forged(x))
				}
				right(x)
			})
			g := newGroup(t, upstream.Strict, nil, s.addr)
			if tt.knows {
				want(t, g, ipA)
			}
			ip := ipA
			if tt.accepts {
				ip = ipB
			}
			if a := want(t, g, ip); a.Attempts != 1 {
				t.Errorf("it took %d attempts; want one", a.Attempts)
			}
		})
	}
}

// A server that wants its cookie first (BADCOOKIE) is asked again with it.
func TestCookie_bad(t *testing.T) {
	t.Parallel()
	s := udp(t, func(x *exchange) {
		c := cookieOf(x.q)
		if strings.HasSuffix(c, serverCookie) {
			x.answer(baked(x.good(ipA), c))
			return
		}
		m := baked(new(dns.Msg).SetReply(x.q), c[:16]+serverCookie)
		m.Rcode = dns.RcodeBadCookie
		x.answer(m)
	})
	want(t, newGroup(t, upstream.Strict, nil, s.addr), ipA)
}
