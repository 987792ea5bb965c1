package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// No answer over UDP is larger than the client says that it takes, nor than 1,232
// bytes: whose address stands on the query may not have sent it.
func TestAmplify(t *testing.T) {
	t.Parallel()
	var big []string
	for i := range 15 {
		big = append(big, fmt.Sprintf("www.example. 300 IN TXT %q", fmt.Sprintf("%03d", i)+strings.Repeat("x", 200)))
	}
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		switch {
		case x.Query.Question[0].Qtype != dns.TypeTXT:
			right(x)
		case !truncated(x):
			x.Answer(big...)
		}
	})
	s := start(t, up, nil)
	for _, size := range []int{0, 1, 100, 512, 513, 700, 1231, 1232, 1233, 1500, 4096, 65535} { // 0: without EDNS
		for _, qtype := range []uint16{dns.TypeTXT, dns.TypeANY, dns.TypeA, dns.TypeRRSIG} {
			for _, cookie := range []bool{false, true} {
				if cookie && size == 0 {
					continue
				}
				m := sized(qtype, size, cookie)
				n, cut := s.size(t, m)
				if limit := min(1232, max(512, size)); n > limit {
					t.Errorf("%s, size %d: %d bytes; want %d at most", dns.TypeToString[qtype], size, n, limit)
				}
				if qtype == dns.TypeTXT && !cut {
					t.Errorf("TXT, size %d: TC is not set", size)
				}
				if cut && n > len(dnstest.Pack(m))+64 {
					t.Errorf("%s, size %d: %d bytes of an answer that is cut", dns.TypeToString[qtype], size, n)
				}
			}
		}
	}
	s.clean(t, up)
}

// sized makes a query of a client that takes answers of some size, 0 for one
// without EDNS.
func sized(qtype uint16, size int, cookie bool) *dns.Msg {
	return newQuery("www.example", qtype, func(m *dns.Msg) {
		m.Extra = nil
		if size > 0 {
			m.SetEdns0(uint16(size), true)
		}
		if cookie {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"})
		}
	})
}

// size is how many bytes the resolver sends for a query, and whether TC is set.
func (s *setup) size(t testing.TB, m *dns.Msg) (n int, cut bool) {
	t.Helper()
	c, err := client("udp", "127.0.0.1", longWait).Dial(s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Conn.Write(dnstest.Pack(m))
	_ = c.SetReadDeadline(time.Now().Add(longWait))
	b := make([]byte, 65535)
	if n, err = c.Conn.Read(b); err != nil {
		t.Fatalf("%s: %v", m.Question[0].String(), err)
	}
	return n, b[2]&2 != 0
}

// Nothing answers an answer: two servers would talk to each other for ever.
func TestAmplify_loop(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { right(x) })
	s := start(t, up, nil)
	c, err := client("udp", "127.0.0.1", longWait).Dial(s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, code := range []int{dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeServerFailure} {
		m := new(dns.Msg).SetRcode(newQuery("www.example", dns.TypeA, nil), code)
		for op := range 16 {
			m.Opcode = op
			_, _ = c.Conn.Write(dnstest.Pack(m))
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Conn.Read(make([]byte, 4096)); err == nil {
		t.Errorf("an answer is answered with %d bytes", n)
	}
	if n := up.Asked(); n != 0 {
		t.Errorf("the upstream was asked %d times", n)
	}
}
