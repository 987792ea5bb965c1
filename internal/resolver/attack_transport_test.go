package resolver_test

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

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// overTCP lets a resolver ask its upstream over TCP only.
func overTCP(t testing.TB, addr netip.AddrPort) func(c *resolver.Config) {
	t.Helper()
	return func(c *resolver.Config) { c.Groups = []*upstream.Group{group(t, "tcp", longWait, addr)} }
}

// waitingIf returns what makes a resolver give up soon unless its upstream answers.
func waitingIf(answers bool) func(c *resolver.Config) {
	if answers {
		return nil
	}
	return hasty
}

// cutOff answers over UDP that the answer is too large for it. Some servers let a
// part of the answer stand, which is not to be used (RFC 2181 section 9).
func truncated(x *dnstest.Exchange, part ...string) bool {
	if x.Conn != nil {
		return false
	}
	m := x.Reply(part...)
	m.Truncated = true
	x.Send(dnstest.Pack(m))
	return true
}

// An upstream that cuts its answer over UDP and then fails over TCP, in many
// ways: no part of an answer is used.
func TestTransport_cutOff(t *testing.T) {
	t.Parallel()
	part := "www.example. 300 IN A " + poison
	for _, tt := range []struct {
		name string
		tcp  func(x *dnstest.Exchange)
		want string
	}{
		{"good", func(x *dnstest.Exchange) { right(x) }, "www.example. A " + truth},
		{"silent", dnstest.Silent, "SERVFAIL"},
		{"cut off again", func(x *dnstest.Exchange) {
			m := x.Reply(part)
			m.Truncated = true
			x.Send(dnstest.Pack(m))
		}, "SERVFAIL"},
		{"closed", func(x *dnstest.Exchange) { _ = x.Conn.Close() }, "SERVFAIL"},
		{"reset", (*dnstest.Exchange).Reset, "SERVFAIL"},
		{"half a message", func(x *dnstest.Exchange) {
			b := dnstest.Pack(x.Reply(part))
			_, _ = x.Conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b[:len(b)/2]...))
			_ = x.Conn.Close()
		}, "SERVFAIL"},
		{"half a message and no more", func(x *dnstest.Exchange) {
			b := dnstest.Pack(x.Reply(part))
			_, _ = x.Conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b[:len(b)/2]...))
		}, "SERVFAIL"},
		{"half a length", func(x *dnstest.Exchange) { _, _ = x.Conn.Write([]byte{0}); _ = x.Conn.Close() }, "SERVFAIL"},
		{"length 0", func(x *dnstest.Exchange) { _, _ = x.Conn.Write([]byte{0, 0}) }, "SERVFAIL"},
		{"wrong question", func(x *dnstest.Exchange) {
			m := x.Reply(victim + " 300 IN A " + poison)
			m.Question[0].Name = victim
			x.Send(dnstest.Pack(m))
		}, "SERVFAIL"},
		{"wrong id", func(x *dnstest.Exchange) {
			m := x.Reply(part)
			m.Id++
			x.Send(dnstest.Pack(m))
		}, "SERVFAIL"},
		{"wrong id, then right", func(x *dnstest.Exchange) {
			m := x.Reply(part)
			m.Id++
			x.Send(dnstest.Pack(m))
			right(x)
		}, "www.example. A " + truth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
				if !truncated(x, part) {
					tt.tcp(x)
				}
			})
			s := start(t, up, waitingIf(tt.want != "SERVFAIL"))
			for range 2 {
				s.expect(t, "www.example", dns.TypeA, tt.want)
			}
			s.clean(t, up)
		})
	}
}

// The same if the TCP port is closed.
func TestTransport_refused(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { truncated(x, "www.example. 300 IN A "+poison) })
	up.CloseTCP()
	s := start(t, up, nil)
	began := time.Now()
	s.expect(t, "www.example", dns.TypeA, "SERVFAIL")
	if took := time.Since(began); took > longWait/2 {
		t.Errorf("it took %v; want no wait: a refusal is an answer", took)
	}
	s.clean(t, up)
}

// An answer of 64 kB is sent whole over TCP; over UDP it is truncated (TC), so that
// the client asks again over TCP.
func TestTransport_large(t *testing.T) {
	t.Parallel()
	var records []string
	for i := range 260 {
		records = append(records, fmt.Sprintf("www.example. 300 IN TXT %q", fmt.Sprintf("%03d", i)+strings.Repeat("x", 235)))
	}
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		if x.Name() != "www.example." {
			right(x)
		} else if !truncated(x) {
			x.Answer(records...)
		}
	})
	s := start(t, up, nil)
	if size := len(dnstest.Pack(dnstest.NewExchange(newQuery("www.example", dns.TypeTXT, nil), nil).Reply(records...))); size < 64000 {
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
func gather(n int, then func(all []*dnstest.Exchange)) func(x *dnstest.Exchange) {
	var mu sync.Mutex
	var all []*dnstest.Exchange
	return func(x *dnstest.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		if all = append(all, x); len(all) == n {
			then(all)
			all = nil
		}
	}
}

// firstBad treats the first n queries together, and answers all later ones well.
func firstBad(n int, bad func(all []*dnstest.Exchange)) func(x *dnstest.Exchange) {
	first := gather(n, bad)
	var seen atomic.Int32
	return func(x *dnstest.Exchange) {
		if int(seen.Add(1)) <= n {
			first(x)
		} else {
			x.Answer(addressOf(x))
		}
	}
}

// addressOf is a different address for each of the names n0.example, n1.example…
func addressOf(x *dnstest.Exchange) string {
	var n int
	_, _ = fmt.Sscanf(x.Name(), "n%d.", &n)
	return fmt.Sprintf("%s 300 IN A 192.0.2.%d", x.Query.Question[0].Name, n)
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
	reversed := func(all []*dnstest.Exchange) {
		slices.Reverse(all)
		for _, x := range all {
			x.Answer(addressOf(x))
		}
	}
	twice := func(all []*dnstest.Exchange) {
		for range 2 {
			for _, x := range all {
				x.Answer(addressOf(x))
			}
		}
	}
	var resetting atomic.Pointer[setup]
	for _, tt := range []struct {
		name string
		tcp  bool
		do   func(x *dnstest.Exchange)
	}{
		{"backwards", true, gather(20, reversed)},
		{"backwards over UDP", false, gather(20, reversed)},
		{"twice", true, gather(20, twice)},
		{"twice over UDP", false, gather(20, twice)},
		{"reset in the middle", true, firstBad(20, func(all []*dnstest.Exchange) {
			for _, x := range all[:10] {
				x.Answer(addressOf(x))
			}
			s := resetting.Load()
			dnstest.Until(t, "what is sent has arrived", func() bool { return s.Stats().Actions[dnsevent.Resolved] >= 11 }) // and the first one
			for _, x := range all {
				x.Reset()
			}
		})},
		{"one wrong answer among them", true, firstBad(20, func(all []*dnstest.Exchange) {
			for i, x := range all {
				if i == 7 { // the connection is given up for it, and the rest is asked for again
					m := x.Reply(all[3].Query.Question[0].Name + " 300 IN A " + poison)
					m.Question[0].Name = all[3].Query.Question[0].Name
					x.Send(dnstest.Pack(m))
				}
				x.Answer(addressOf(x))
			}
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, tt.do)
			change := overTCP(t, up.Addr)
			if !tt.tcp {
				change = nil
			}
			s := start(t, up, change)
			warm := up.Handler()
			up.Handle(func(x *dnstest.Exchange) { right(x) }) // so that there is a connection, for all of them
			s.expect(t, "www.example", dns.TypeA, "www.example. A "+truth)
			if tt.name == "reset in the middle" {
				resetting.Store(s)
			}
			up.Handle(warm)
			s.askAll(t, 20)
			s.clean(t, up)
		})
	}
}

// Very old servers do not understand EDNS and say so in several ways; then they
// are asked without.
func TestTransport_withoutEDNS(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(x *dnstest.Exchange){
		"FORMERR": dnstest.Code(dns.RcodeFormatError),
		"NOTIMP":  dnstest.Code(dns.RcodeNotImplemented),
		"FORMERR without the question": func(x *dnstest.Exchange) {
			x.Send(append(binary.BigEndian.AppendUint16(nil, x.Query.Id), 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0))
		},
		"FORMERR with the query's OPT": func(x *dnstest.Exchange) {
			m := x.Reply()
			m.Rcode, m.Extra = dns.RcodeFormatError, x.Query.Extra
			x.Send(dnstest.Pack(m))
		},
		"BADVERS": func(x *dnstest.Exchange) {
			m := x.Reply()
			m.SetEdns0(1232, false)
			m.Rcode = dns.RcodeBadVers
			x.Send(dnstest.Pack(m))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
				if x.Query.IsEdns0() != nil {
					refuse(x)
				} else {
					right(x)
				}
			})
			s := start(t, up, nil)
			for range 2 {
				s.expect(t, "www.example", dns.TypeA, "www.example. A "+truth)
			}
			if n := up.Asked(); n != 2 {
				t.Errorf("the upstream was asked %d times; want twice", n)
			}
			s.clean(t, up)
		})
	}
}
