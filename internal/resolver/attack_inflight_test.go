package resolver_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// One question is under way once, however many clients ask it and however they
// spell it (CVE-2020-25686, CVE-2023-28452). Nor may a client's network in the
// query make a second question of it (RebirthDay, CVE-2025-5994).
func TestInflight_one(t *testing.T) {
	t.Parallel()
	gate := dnstest.NewGate()
	up := dnstest.NewServer(t, gate.Hold(func(x *dnstest.Exchange) {
		for _, o := range x.Query.IsEdns0().Option {
			if o.Option() == dns.EDNS0SUBNET {
				t.Errorf("the client's network goes upstream: %s", o)
			}
		}
		right(x)
	}))
	s := start(t, up, longTimeouts)
	s.heldTogether(t, gate, 100, 1, func(i int) {
		name := []string{"www.example.", "WWW.example.", "wWw.eXample."}[i%3]
		q := newQuery(name, dns.TypeA, func(m *dns.Msg) {
			if i%2 == 0 {
				m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1,
					SourceNetmask: 24, Address: []byte{192, 0, byte(i), 0}})
			} else if i%5 == 0 {
				m.Extra = nil
			}
		})
		network := []string{"udp", "tcp"}[i%20/19]
		a, err := s.try(network, ip(2+i%10), q)
		if err != nil || summary(a) != name+" A "+truth {
			t.Errorf("client %d: %v, %v; want %s", i, a, err, truth)
		}
	})
	if n := up.Asked(); n != 1 {
		t.Errorf("the upstream was asked %d times for one question; want once", n)
	}
	s.clean(t, up)
}

// The flags DO and CD make another question: four at most are under way for one
// name, and what comes of one is not the answer to another (blocky,
// GHSA-x845-2f78-7v36).
func TestInflight_flags(t *testing.T) {
	t.Parallel()
	gate := dnstest.NewGate()
	up := dnstest.NewServer(t, gate.Hold(func(x *dnstest.Exchange) {
		m := x.Reply(x.Name() + " 300 IN A " + truth)
		if x.Query.IsEdns0().Do() {
			m.Answer = append(m.Answer, dnstest.Record(x.Name()+" 300 IN RRSIG A 8 2 300 20300101000000 20200101000000 1 example. AAAA"))
		}
		x.Write(m)
	}))
	s := start(t, up, longTimeouts)
	for round := range 2 {
		s.heldTogether(t, gate, 80, 4, func(i int) {
			do, cd := i&1 != 0, i&2 != 0
			a, err := s.try("udp", "127.0.0.1", newQuery("www.example", dns.TypeA, func(m *dns.Msg) {
				m.CheckingDisabled = cd
				m.IsEdns0().SetDo(do)
			}))
			if err != nil || strings.Contains(a.String(), "RRSIG") != do {
				t.Errorf("round %d, DO %t, CD %t: %v, %v", round, do, cd, a, err)
			}
		})
	}
	if n := up.Asked(); n > 4 {
		t.Errorf("the upstream was asked %d times; want 4 times at most", n)
	}
}

// Isolated qubes share nothing, and so may each have the question under way; one
// such qube has it once.
func TestInflight_isolated(t *testing.T) {
	t.Parallel()
	gate := dnstest.NewGate()
	up := dnstest.NewServer(t, gate.Hold(right))
	s := start(t, up, func(c *resolver.Config) {
		longTimeouts(c)
		c.Policy = &dnspolicy.Config{Upstreams: []string{"default"}, Isolate: true}
	})
	s.heldTogether(t, gate, 60, 3, func(i int) {
		a, err := s.try("udp", ip(2+i%3), newQuery("www.example", dns.TypeA, nil))
		if err != nil || summary(a) != "www.example. A "+truth {
			t.Errorf("client %d: %v, %v", i, a, err)
		}
	})
	if n := up.Asked(); n != 3 {
		t.Errorf("the upstream was asked %d times; want once for each of 3 qubes", n)
	}
}

// A silent upstream is asked again, but not more often than MaxAttempts for a
// question, and not again while the failure is remembered (RFC 9520): a forger
// does not get as many chances as it sends queries (SHAR).
func TestInflight_failure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(x *dnstest.Exchange)
		max  int
	}{
		{"silent", dnstest.Silent, 3},
		{"SERVFAIL", dnstest.Code(dns.RcodeServerFailure), 3},
		{"REFUSED", dnstest.Code(dns.RcodeRefused), 3},
		{"malformed", func(x *dnstest.Exchange) { b := dnstest.Pack(forgedReply(x)); x.Send(b[:len(b)-2]) }, 3},
		{"FORMERR", dnstest.Code(dns.RcodeFormatError), 6}, // each attempt with EDNS and without
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, tt.do)
			s := start(t, up, waitingIf(tt.name != "silent"))
			for range 3 {
				together(20, func(int) bool {
					s.expect(t, "www.example", dns.TypeA, "SERVFAIL")
					return true
				})
			}
			if n := up.Asked(); n > tt.max {
				t.Errorf("the upstream was asked %d times; want %d times at most", n, tt.max)
			}
			s.clean(t, up)
		})
	}
}

// An upstream that takes its time is asked again while the first query may still
// be answered: MaxAttempts times at most, each time with an id and a port of its
// own, and all clients wait for the same.
func TestInflight_late(t *testing.T) {
	t.Parallel()
	c := captured{mixed: map[string]bool{}}
	gate := dnstest.NewGate()
	var asked atomic.Int32
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		c.note(x)
		if asked.Add(1) == upstream.MaxAttempts {
			gate.Open()
		}
		gate.Hold(right)(x)
	})
	s := start(t, up, func(c *resolver.Config) {
		c.Groups = []*upstream.Group{group(t, "udp", 2*time.Second, up.Addr)}
	})
	together(50, func(int) bool {
		s.expect(t, "late.www.example", dns.TypeA, "late.www.example. A "+truth)
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.ids); n > upstream.MaxAttempts || distinct(c.ids) != n || distinct(c.ports) != n {
		t.Errorf("the upstream was asked %d times, with the ids %v and the ports %v; want %d times at most, all different", n, c.ids, c.ports,
			upstream.MaxAttempts)
	}
}

// Answers that come late and in any order reach the clients that asked, although
// buffers are shared (sdns, GHSA-mqfw-f48p-2vc8).
func TestInflight_mixed(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		for range rand.N(200) { //nolint:gosec // no secret
			runtime.Gosched() // so that answers overtake each other
		}
		var n, c int
		_, _ = fmt.Sscanf(x.Name(), "n%d.c%d.", &n, &c)
		x.Answer(fmt.Sprintf("%s 300 IN A 192.0.%d.%d", x.Query.Question[0].Name, 2+c, n))
	})
	s := start(t, up, longTimeouts)
	together(40, func(c int) bool {
		for n := range 60 {
			name, network := fmt.Sprintf("n%d.c%d.example.", n%30, c), "udp" // the second time from the cache
			if n%7 == 0 && c%10 == 0 {
				network = "tcp"
			}
			a, err := s.try(network, ip(2+c%4), newQuery(name, dns.TypeA, nil))
			want := fmt.Sprintf("%s A 192.0.%d.%d", name, 2+c, n%30)
			if err != nil || summary(a) != want {
				t.Errorf("%s: %v, %v; want %s", name, a, err, want)
			}
		}
		return true
	})
}
