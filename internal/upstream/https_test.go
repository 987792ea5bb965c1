package upstream_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// doh serves DNS over HTTPS and returns the address, without what stands behind #.
func doh(t testing.TB, c tls.Certificate, do http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(do)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return "https://" + s.Listener.Addr().String() + "/dns-query"
}

// reply answers a request with an address.
func reply(w http.ResponseWriter, r *http.Request, change func(m *dns.Msg)) {
	b, _ := io.ReadAll(r.Body)
	x := &exchange{q: new(dns.Msg)}
	if x.q.Unpack(b) != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	m := x.good("192.0.2.1")
	if change != nil {
		change(m)
	}
	b, _ = m.Pack()
	w.Header().Set("Content-Type", "application/dns-message")
	_, _ = w.Write(b)
}

// What goes out over HTTPS: a POST over HTTP/2 with the id 0, padded, and nothing
// that identifies the client (RFC 8484).
func TestHTTPS(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	var asked atomic.Int32
	address := doh(t, chain(root.leaf(t, serverName)), func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		b, _ := io.ReadAll(r.Body)
		m := new(dns.Msg)
		if err := m.Unpack(b); err != nil || m.Id != 0 || len(b)%128 != 0 {
			t.Errorf("the query has %d bytes, the id %d, %v; want a multiple of 128, 0", len(b), m.Id, err)
		}
		if r.ProtoMajor != 2 || r.Method != http.MethodPost || r.URL.Path != "/dns-query" || r.URL.RawQuery != "" ||
			!strings.HasPrefix(r.Host, serverName) || r.TLS.ServerName != serverName {
			t.Errorf("%s %s %s, host %s, name %s", r.Proto, r.Method, r.URL, r.Host, r.TLS.ServerName)
		}
		h := r.Header
		if h.Get("Content-Type") != "application/dns-message" || h.Get("Accept") != "application/dns-message" || h.Get("User-Agent") != "" || h.Get("Cookie") != "" {
			t.Errorf("the header is %v", h)
		}
		for _, o := range m.IsEdns0().Option {
			if o.Option() != dns.EDNS0PADDING {
				t.Errorf("the query has the option %v", o)
			}
		}
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		w.Header().Set("Set-Cookie", "who=you")
		reply(w, r, nil)
	})
	g := newGroup(t, upstream.Strict, func(c *upstream.Config) { c.Roots = pool(root) }, address+"#"+serverName)
	for range 5 {
		want(t, g, "192.0.2.1")
	}
	if n := asked.Load(); n != 5 {
		t.Errorf("the server was asked %d times; want 5", n)
	}
}

// A server of HTTPS that is another one, or answers with anything else than an
// answer, has failed, and the next one is asked.
func TestHTTPS_bad(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	good := chain(root.leaf(t, serverName))
	body := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	changed := func(change func(m *dns.Msg)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { reply(w, r, change) }
	}
	const message = "application/dns-message"
	for _, tt := range []struct {
		name  string
		suit  string
		do    http.HandlerFunc
		asked bool
	}{
		{"wrong name", "dns.other", changed(nil), false},
		{"wrong pin", serverName + root.leaf(t, "x").pin(), changed(nil), false},
		{"status 500", serverName, body(500, message, ""), true},
		{"status 404", serverName, body(404, "text/html", "<html>"), true},
		{"status 204", serverName, body(204, message, ""), true},
		{"status 429", serverName, body(429, message, ""), true},
		{"redirect", serverName, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, true},
		{"portal", serverName, body(200, "text/html", "<html>log in</html>"), true},
		{"JSON", serverName, body(200, "application/dns-json", "{}"), true},
		{"no type", serverName, body(200, "", "x"), true},
		{"garbage", serverName, body(200, message, strings.Repeat("garbage", 30)), true},
		{"empty", serverName, body(200, message, ""), true},
		{"one byte", serverName, body(200, message, "\x00"), true},
		{"70,000 bytes", serverName, body(200, message, strings.Repeat("\x00", 70000)), true},
		{"body that ends early", serverName, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "200")
			reply(w, r, nil)
			panic(http.ErrAbortHandler)
		}, true},
		{"other id", serverName, changed(func(m *dns.Msg) { m.Id = 1 }), true},
		{"other question", serverName, changed(func(m *dns.Msg) { m.Question[0].Name = "other.example." }), true},
		{"query", serverName, changed(func(m *dns.Msg) { m.Response = false }), true},
		{"SERVFAIL", serverName, changed(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure; m.Answer = nil }), true},
		{"cut off", serverName, changed(func(m *dns.Msg) { m.Truncated = true }), true},
		{"silent", serverName, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			address := doh(t, good, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/dns-query" {
					t.Errorf("%s was asked for", r.URL)
				}
				asked.Add(1)
				tt.do(w, r)
			})
			next := udp(t, says("192.0.2.2"))
			limit := longWait
			if tt.name == "silent" {
				limit = brief
			}
			g := newGroup(t, upstream.Strict, func(c *upstream.Config) { c.Roots, c.Timeout = pool(root), limit }, address+"#"+tt.suit, "udp://"+next.addr)
			if a := want(t, g, "192.0.2.2"); a.Attempts < 2 || a.Server.Proto != upstream.UDP {
				t.Errorf("%s has answered, attempt %d; want the next one", a.Server, a.Attempts)
			}
			if n := asked.Load(); n > 0 != tt.asked {
				t.Errorf("the server was asked %d times", n)
			}
			if stats := g.Stats(); stats[0].Asked == 0 || stats[0].OK != 0 || stats[1].OK != 1 {
				t.Errorf("Stats = %+v", stats)
			}
		})
	}
}
