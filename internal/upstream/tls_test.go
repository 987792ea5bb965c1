package upstream_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// dot serves DNS over TLS with a certificate. Connections to the same port
// without TLS are counted as queries.
func dot(t testing.TB, c tls.Certificate, do func(x *exchange)) *server {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	if err != nil {
		t.Fatal(err)
	}
	s := stream(t, l, do)
	clear, err := net.ListenPacket("udp", s.addr)
	if err != nil {
		t.Skipf("the port of TCP is taken over UDP: %v; run the test again", err)
	}
	t.Cleanup(func() { _ = clear.Close() })
	s.work.Go(func() {
		for buf := make([]byte, 512); ; {
			if _, _, err := clear.ReadFrom(buf); err != nil {
				return
			}
			t.Error("a server of DNS over TLS was asked over UDP")
			s.asked.Add(1)
		}
	})
	return s
}

func TestTLS(t *testing.T) {
	t.Parallel()
	root, other := newCA(t, nil, "root"), newCA(t, nil, "other")
	middle := newCA(t, root, "middle")
	leaf := middle.leaf(t, serverName)
	for _, tt := range []struct {
		name string
		cert tls.Certificate
		suit string // what stands behind # of the address
		ok   bool
	}{
		{"right name", chain(leaf, middle), serverName, true},
		{"wrong name", chain(leaf, middle), "dns.other", false},
		{"name above", chain(leaf, middle), "test", false},
		{"address instead of a name", chain(leaf, middle), "", false},
		{"unknown authority", chain(other.leaf(t, serverName), other), serverName, false},
		{"intermediate missing", chain(leaf), serverName, false},
		{"signed by a server", chain(leaf.leaf(t, serverName), leaf, middle), serverName, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := dot(t, tt.cert, says("192.0.2.1"))
			address := "tls://" + s.addr
			if tt.suit != "" {
				address += "#" + tt.suit
			}
			g := newGroup(t, upstream.ParallelBest, func(c *upstream.Config) { c.Roots = pool(root) }, address)
			got, _, err := ask(t, g)
			if ok := err == nil && got == "192.0.2.1"; ok != tt.ok {
				t.Errorf("Ask = %s, %v; want it to work: %t", got, err, tt.ok)
			}
			if n := s.asked.Load(); n > 0 != tt.ok {
				t.Errorf("the server was asked %d times", n)
			}
		})
	}
}

// A server that speaks no TLS gets no query, not even one that it could read.
func TestTLS_plain(t *testing.T) {
	t.Parallel()
	s := tcp(t, says("192.0.2.1"))
	g := newGroup(t, upstream.Strict, timeout(brief), "tls://"+s.addr+"#"+serverName, "https://"+s.addr+"/dns-query#"+serverName)
	if got, _, err := ask(t, g); err == nil {
		t.Errorf("Ask = %s; want an error", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.sizes { // a ClientHello read as a message is longer than a query
		if n < 512 {
			t.Errorf("the server has got a message of %d bytes", n)
		}
	}
}

func TestTLS_pins(t *testing.T) {
	t.Parallel()
	root, rival := newCA(t, nil, "root"), newCA(t, nil, "rival")
	middle := newCA(t, root, "middle")
	leaf, stolen := middle.leaf(t, serverName), rival.leaf(t, serverName)
	for _, tt := range []struct {
		name string
		cert tls.Certificate
		suit string
		ok   bool
	}{
		{"leaf", chain(leaf, middle), serverName + leaf.pin(), true},
		{"intermediate", chain(leaf, middle), serverName + middle.pin(), true},
		{"root", chain(leaf, middle), serverName + root.pin(), true},
		{"several, one matches", chain(leaf, middle), serverName + rival.pin() + stolen.pin() + leaf.pin(), true},
		{"several, none matches", chain(leaf, middle), serverName + rival.pin() + stolen.pin(), false},
		{"one, of another", chain(leaf, middle), serverName + stolen.pin(), false},
		{"right pin, wrong name", chain(leaf, middle), "dns.other" + leaf.pin(), false},
		// Certificates are public: any server can send the pinned one along with its own.
		{"pinned certificate beside another chain", chain(stolen, rival, middle), serverName + middle.pin(), false},
		{"pinned leaf beside another chain", chain(stolen, leaf), serverName + leaf.pin(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := dot(t, tt.cert, says("192.0.2.1"))
			g := newGroup(t, upstream.ParallelBest, func(c *upstream.Config) { c.Roots = pool(root, rival) }, "tls://"+s.addr+"#"+tt.suit)
			for range 2 { // the second time, sessions could be resumed
				got, _, err := ask(t, g)
				if ok := err == nil && got == "192.0.2.1"; ok != tt.ok {
					t.Errorf("Ask = %s, %v; want it to work: %t", got, err, tt.ok)
				}
				g.Close()
			}
			if n := s.asked.Load(); n > 0 != tt.ok {
				t.Errorf("the server was asked %d times", n)
			}
		})
	}
}

// Queries over TLS are as long as others that are not: multiples of 128 (RFC 8467).
func TestTLS_padding(t *testing.T) {
	t.Parallel()
	root := newCA(t, nil, "root")
	s := dot(t, chain(root.leaf(t, serverName)), says("192.0.2.1"))
	plain := tcp(t, says("192.0.2.1"))
	roots := func(c *upstream.Config) { c.Roots = pool(root) }
	encrypted, clear := newGroup(t, upstream.Strict, roots, "tls://"+s.addr+"#"+serverName), newGroup(t, upstream.Strict, roots, "tcp://"+plain.addr)
	names := []string{"a"}
	for n := range 40 {
		names = append(names, strings.Repeat("a", 1+n)+"."+strings.Repeat("b.", n)+"example")
	}
	for _, name := range names {
		for _, g := range []*upstream.Group{encrypted, clear} {
			if _, _, err := askFor(t, g, name); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range s.sizes {
		if n%128 != 0 {
			t.Errorf("query %d has %d bytes; want a multiple of 128", i, n)
		}
	}
	if len(s.sizes) != len(names) || s.conns.Load() != 1 {
		t.Errorf("%d queries on %d connections; want %d on one", len(s.sizes), s.conns.Load(), len(names))
	}
	plain.mu.Lock()
	defer plain.mu.Unlock()
	if n := plain.sizes[0]; n > 60 {
		t.Errorf("a query in clear text has %d bytes; it need not be padded", n)
	}
}
