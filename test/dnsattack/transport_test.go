package dnsattack_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// overTCP lets a resolver ask its upstream over TCP only.
func overTCP(t testing.TB, addr netip.AddrPort) func(c *resolver.Config) {
	t.Helper()
	return func(c *resolver.Config) { c.Groups = []*upstream.Group{group(t, "tcp", patience, addr)} }
}

// cutOff answers over UDP that the answer is too large for it. Some servers let a
// part of the answer stand, which is not to be used (RFC 2181 section 9).
func cutOff(x *exchange, part ...string) bool {
	if x.conn != nil {
		return false
	}
	m := x.reply(part...)
	m.Truncated = true
	x.send(pack(m))
	return true
}

// An upstream that cuts its answer over UDP and then fails over TCP, in many
// ways: no part of an answer is used.
func TestTransport_cutOff(t *testing.T) {
	t.Parallel()
	part := "www.example. 300 IN A " + poison
	for _, tt := range []struct {
		name string
		tcp  func(x *exchange)
		want string
	}{
		{"good", func(x *exchange) { x.right() }, "www.example. A " + truth},
		{"silent", silent, "SERVFAIL"},
		{"cut off again", func(x *exchange) {
			m := x.reply(part)
			m.Truncated = true
			x.send(pack(m))
		}, "SERVFAIL"},
		{"closed", func(x *exchange) { _ = x.conn.Close() }, "SERVFAIL"},
		{"reset", func(x *exchange) { _ = x.conn.SetLinger(0); _ = x.conn.Close() }, "SERVFAIL"},
		{"half a message", func(x *exchange) {
			b := pack(x.reply(part))
			_, _ = x.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b[:len(b)/2]...))
			_ = x.conn.Close()
		}, "SERVFAIL"},
		{"half a message and no more", func(x *exchange) {
			b := pack(x.reply(part))
			_, _ = x.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b[:len(b)/2]...))
		}, "SERVFAIL"},
		{"half a length", func(x *exchange) { _, _ = x.conn.Write([]byte{0}); _ = x.conn.Close() }, "SERVFAIL"},
		{"length 0", func(x *exchange) { _, _ = x.conn.Write([]byte{0, 0}) }, "SERVFAIL"},
		{"wrong question", func(x *exchange) {
			m := x.reply(victim + " 300 IN A " + poison)
			m.Question[0].Name = victim
			x.send(pack(m))
		}, "SERVFAIL"},
		{"wrong id", func(x *exchange) {
			m := x.reply(part)
			m.Id++
			x.send(pack(m))
		}, "SERVFAIL"},
		{"wrong id, then right", func(x *exchange) {
			m := x.reply(part)
			m.Id++
			x.send(pack(m))
			x.right()
		}, "www.example. A " + truth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := newLiar(t, func(x *exchange) {
				if !cutOff(x, part) {
					tt.tcp(x)
				}
			})
			s := start(t, up, nil)
			for range 2 {
				s.expect(t, "www.example", dns.TypeA, tt.want)
			}
			s.clean(t, up)
		})
	}
}

// The same where nobody listens on the TCP port.
func TestTransport_refused(t *testing.T) {
	t.Parallel()
	up := newLiar(t, func(x *exchange) { cutOff(x, "www.example. 300 IN A "+poison) })
	_ = up.tcp.Close()
	s := start(t, up, nil)
	began := time.Now()
	s.expect(t, "www.example", dns.TypeA, "SERVFAIL")
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v; want less than a second: a refusal is an answer", took)
	}
	s.clean(t, up)
}

// An answer of 64 kB comes over TCP as a whole; over UDP the client is told to
// come over TCP.
func TestTransport_large(t *testing.T) {
	t.Parallel()
	var records []string
	for i := range 260 {
		records = append(records, fmt.Sprintf("www.example. 300 IN TXT %q", fmt.Sprintf("%03d", i)+strings.Repeat("x", 235)))
	}
	up := newLiar(t, func(x *exchange) {
		if x.name() != "www.example." {
			x.right()
		} else if !cutOff(x) {
			x.answer(records...)
		}
	})
	s := start(t, up, nil)
	if size := len(pack((&exchange{q: query("www.example", dns.TypeTXT, nil)}).reply(records...))); size < 64000 {
		t.Fatalf("the answer has %d bytes", size)
	}
	for range 2 {
		m := s.over(t, "tcp", "www.example", dns.TypeTXT, nil)
		if len(m.Answer) != len(records) || m.Truncated {
			t.Errorf("%d records, TC %t; want %d", len(m.Answer), m.Truncated, len(records))
		}
		if m = s.ask(t, "www.example", dns.TypeTXT, nil); !m.Truncated || len(m.Answer) != 0 {
			t.Errorf("over UDP: %d records, TC %t; want none, true", len(m.Answer), m.Truncated)
		}
	}
	s.clean(t, up)
}

// gather calls then with all queries when n have come, and again from the next on.
func gather(n int, then func(all []*exchange)) func(x *exchange) {
	var mu sync.Mutex
	var all []*exchange
	return func(x *exchange) {
		mu.Lock()
		defer mu.Unlock()
		if all = append(all, x); len(all) == n {
			then(all)
			all = nil
		}
	}
}

// firstBad treats the first n queries together, and answers all later ones well.
func firstBad(n int, bad func(all []*exchange)) func(x *exchange) {
	first := gather(n, bad)
	var seen atomic.Int32
	return func(x *exchange) {
		if int(seen.Add(1)) <= n {
			first(x)
		} else {
			x.answer(addressOf(x))
		}
	}
}

// addressOf is a different address for each of the names n0.example, n1.example…
func addressOf(x *exchange) string {
	var n int
	_, _ = fmt.Sscanf(x.name(), "n%d.", &n)
	return fmt.Sprintf("%s 300 IN A 192.0.2.%d", x.q.Question[0].Name, n)
}

// askAll asks for n names at once, and again.
func (s *setup) askAll(t *testing.T, n int) {
	t.Helper()
	for range 2 {
		together(n, func(i int) bool {
			name := fmt.Sprintf("n%d.example.", i)
			s.expect(t, name, dns.TypeA, fmt.Sprintf("%s A 192.0.2.%d", name, i))
			return true
		})
	}
}

// Answers that come over one connection in any order, twice, or after a reset in
// the middle reach those who asked, and no others.
func TestTransport_pipeline(t *testing.T) {
	t.Parallel()
	reversed := func(all []*exchange) {
		slices.Reverse(all)
		for _, x := range all {
			x.answer(addressOf(x))
		}
	}
	twice := func(all []*exchange) {
		for range 2 {
			for _, x := range all {
				x.answer(addressOf(x))
			}
		}
	}
	for _, tt := range []struct {
		name string
		tcp  bool
		do   func(x *exchange)
	}{
		{"backwards", true, gather(20, reversed)},
		{"backwards over UDP", false, gather(20, reversed)},
		{"twice", true, gather(20, twice)},
		{"twice over UDP", false, gather(20, twice)},
		{"reset in the middle", true, firstBad(20, func(all []*exchange) {
			for _, x := range all[:10] {
				x.answer(addressOf(x))
			}
			time.Sleep(10 * time.Millisecond) // what is sent is to arrive
			for _, x := range all {
				_ = x.conn.SetLinger(0)
				_ = x.conn.Close()
			}
		})},
		{"one wrong answer among them", true, firstBad(20, func(all []*exchange) {
			for i, x := range all {
				if i == 7 { // the connection is given up for it, and the rest is asked for again
					m := x.reply(all[3].q.Question[0].Name + " 300 IN A " + poison)
					m.Question[0].Name = all[3].q.Question[0].Name
					x.send(pack(m))
				}
				x.answer(addressOf(x))
			}
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := newLiar(t, tt.do)
			change := overTCP(t, up.addr)
			if !tt.tcp {
				change = nil
			}
			s := start(t, up, change)
			warm := up.do
			up.set(func(x *exchange) { x.right() }) // so that there is a connection, for all of them
			s.expect(t, "www.example", dns.TypeA, "www.example. A "+truth)
			up.set(warm)
			s.askAll(t, 20)
			s.clean(t, up)
		})
	}
}

// Very old servers do not understand EDNS and say so in several ways; then they
// are asked without.
func TestTransport_withoutEDNS(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(x *exchange){
		"FORMERR": rcode(dns.RcodeFormatError),
		"NOTIMP":  rcode(dns.RcodeNotImplemented),
		"FORMERR without the question": func(x *exchange) {
			x.send(append(binary.BigEndian.AppendUint16(nil, x.q.Id), 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0))
		},
		"FORMERR with the query's OPT": func(x *exchange) {
			m := x.reply()
			m.Rcode, m.Extra = dns.RcodeFormatError, x.q.Extra
			x.send(pack(m))
		},
		"BADVERS": func(x *exchange) {
			m := x.reply()
			m.SetEdns0(1232, false)
			m.Rcode = dns.RcodeBadVers
			x.send(pack(m))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := newLiar(t, func(x *exchange) {
				if x.q.IsEdns0() != nil {
					refuse(x)
				} else {
					x.right()
				}
			})
			s := start(t, up, nil)
			for range 2 {
				s.expect(t, "www.example", dns.TypeA, "www.example. A "+truth)
			}
			if n := up.asked.Load(); n != 2 {
				t.Errorf("the upstream was asked %d times; want twice", n)
			}
			s.clean(t, up)
		})
	}
}
