package resolver_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// captured are the ids and ports of queries at an upstream, in order.
type captured struct {
	mu         sync.Mutex
	ids, ports []uint16
	mixed      map[string]bool // the spellings of one name
}

func (c *captured) note(x *dnstest.Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids, c.ports = append(c.ids, x.Query.Id), append(c.ports, x.From.Port())
	end := 12 + bytes.IndexByte(x.Raw[12:], 0)
	c.mixed[string(x.Raw[max(12, end-len(".www.bank.example")):end])] = true
}

// chiSquare says how far values are from being spread evenly over n cells.
func chiSquare(values []uint16, n int, cell func(uint16) int) (x2 float64) {
	counts, expected := make([]float64, n), float64(len(values))/float64(n)
	for _, v := range values {
		counts[cell(v)]++
	}
	for _, c := range counts {
		x2 += (c - expected) * (c - expected) / expected
	}
	return x2
}

// steps counts how often a value is that before it, plus d.
func steps(values []uint16, d uint16) (n int) {
	for i := range values[1:] {
		if values[i+1] == values[i]+d {
			n++
		}
	}
	return n
}

// Ten thousand queries of clients that all have the id 0x1234 have ids and ports
// upstream that cannot be guessed (CVE-2008-1447, CVE-2019-19794, CVE-2020-25684).
func TestEntropy(t *testing.T) {
	t.Parallel()
	c := captured{mixed: map[string]bool{}}
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		c.note(x)
		right(x)
	})
	s := start(t, up, func(c *resolver.Config) { c.MixCase, c.Log = true, nil })
	const clients, each = 40, 250
	wrong := together(clients, func(i int) (wrong int) {
		conn, err := client("udp", "127.0.0.1", longWait).Dial(s.addr.String())
		if err != nil {
			return each
		}
		defer conn.Close()
		for n := range each {
			q := newQuery(fmt.Sprintf("x%d.c%d.www.bank.example", n, i), dns.TypeA, func(m *dns.Msg) { m.Id = 0x1234 })
			a, _, err := client("udp", "127.0.0.1", longWait).ExchangeWithConn(q, conn)
			if err != nil || a.Rcode != 0 {
				wrong++
			}
		}
		return wrong
	})
	for i, n := range wrong {
		if n > 0 {
			t.Errorf("client %d: %d queries failed", i, n)
		}
	}
	if n := up.Asked(); n < clients*each {
		t.Fatalf("the upstream got %d queries; want %d", n, clients*each)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checkSpread(t)
	c.checkOrder(t)
	// 3 + 4 + 7 letters of random case: 16,384 spellings.
	if d := len(c.mixed); d < 6000 {
		t.Errorf("the name has %d spellings; want 7,400 or so", d)
	}
}

// checkSpread checks how 10,000 ids and ports are spread. It is called with mu held.
func (c *captured) checkSpread(t *testing.T) {
	t.Helper()
	// Ids of 10,000 random draws have some 9,270 values (of 65,536, standard deviation
	// 25); ports, of the kernel's 28,232, some 8,420. The bounds are farther away than
	// chance ever comes.
	if d := distinct(c.ids); d < 9000 {
		t.Errorf("the ids have %d values; want 9,270 or so", d)
	}
	if d := distinct(c.ports); d < 7500 {
		t.Errorf("the ports have %d values; want 8,400 or so", d)
	}
	// With 15 degrees of freedom, 60 is exceeded once in 5 million times.
	for name, x2 := range map[string]float64{
		"high bits of the ids": chiSquare(c.ids, 16, func(v uint16) int { return int(v >> 12) }),
		"low bits of the ids":  chiSquare(c.ids, 16, func(v uint16) int { return int(v & 15) }),
	} {
		if x2 > 60 {
			t.Errorf("%s: chi-square is %.1f; want 60 at most", name, x2)
		}
	}
}

// checkOrder checks that no id or port follows from the one before it, or from the
// client's id. It is called with mu held.
func (c *captured) checkOrder(t *testing.T) {
	t.Helper()
	// A repetition or a step of one has a chance of 0.15 in all for ids and of 0.35 for
	// ports, each.
	for _, d := range []uint16{0, 1, 0xFFFF} {
		if got := steps(c.ids, d); got > 5 {
			t.Errorf("ids are followed by themselves + %d %d times", int16(d), got)
		}
		if got := steps(c.ports, d); got > 8 {
			t.Errorf("ports are followed by themselves + %d %d times", int16(d), got)
		}
	}
	same := 0
	for _, id := range c.ids {
		if id == 0x1234 {
			same++
		}
	}
	if same > 5 {
		t.Errorf("%d queries have the client's id", same)
	}
}

// Clients of DNS over HTTPS have the id 0 always, which must not be that of the
// query upstream (AdGuard Home, GHSA-xgx4-4h9w-53pv).
func TestEntropy_zeroID(t *testing.T) {
	t.Parallel()
	c := captured{mixed: map[string]bool{}}
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		c.note(x)
		right(x)
	})
	s := start(t, up, nil)
	for i := range 20 {
		s.ask(t, fmt.Sprintf("x%d.www.example", i), dns.TypeA, func(m *dns.Msg) { m.Id = 0 })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := distinct(c.ids); d < 18 {
		t.Errorf("the ids of 20 queries upstream have %d values", d)
	}
}
