package resolver_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// An answer holds records of names that were not asked for: none of them is cached
// or passed on, whichever section it is in.
func TestBailiwick(t *testing.T) {
	t.Parallel()
	const asked = "www.attacker.example."
	false6 := dnstest.Record("bank.example. 300 IN AAAA 2001:db8:6::6")
	falseA := dnstest.Record(victim + " 86400 IN A " + poison)
	delegation := dnstest.Record("example. 86400 IN NS " + victim)
	for _, tt := range []struct {
		name string
		add  func(m *dns.Msg)
	}{
		{"answer", func(m *dns.Msg) { m.Answer = append(m.Answer, falseA, false6) }},
		{"answer, first", func(m *dns.Msg) { m.Answer = append([]dns.RR{falseA}, m.Answer...) }},
		{"authority", func(m *dns.Msg) { m.Ns = append(m.Ns, delegation, falseA) }},
		{"additional", func(m *dns.Msg) { m.Ns, m.Extra = append(m.Ns, delegation), append(m.Extra, falseA, false6) }},
		{"SOA of another zone", func(m *dns.Msg) {
			m.Ns = append(m.Ns, dnstest.Record("bank.example. 86400 IN SOA bank.example. b. 1 2 3 4 86400"))
		}},
		{"alias of another name", func(m *dns.Msg) { m.Answer = append(m.Answer, dnstest.Record(victim+" 300 IN CNAME "+asked)) }},
		{"class", func(m *dns.Msg) { m.Answer = append(m.Answer, dnstest.Record(asked+" 300 CH A "+poison)) }},
		{"other type", func(m *dns.Msg) { m.Answer = append(m.Answer, dnstest.Record(asked+" 300 IN NS "+victim)) }},
		{"name below", func(m *dns.Msg) { m.Answer = append(m.Answer, dnstest.Record("x."+asked+" 300 IN A "+poison)) }},
		{"name above", func(m *dns.Msg) { m.Answer = append(m.Answer, dnstest.Record("attacker.example. 300 IN A "+poison)) }},
		{"DNAME without an alias", func(m *dns.Msg) {
			m.Answer = append(m.Answer, dnstest.Record("example. 300 IN DNAME attacker.example."))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
				m := x.Reply(asked + " 300 IN A 192.0.2.1")
				tt.add(m)
				x.Send(dnstest.Pack(m))
			})
			s := start(t, up, nil)
			for range 2 { // from upstream, from the cache
				m := s.ask(t, asked, dns.TypeA, nil)
				if summary(m) != asked+" A 192.0.2.1" || len(m.Ns) > 0 || len(m.Extra) > 1 {
					t.Errorf("the client is given more than it asked for:\n%s", m)
				}
			}
			s.clean(t, up)
			up.Handle(dnstest.Zone("bank.example. 300 IN AAAA 2001:db8::80"))
			s.expect(t, victim, dns.TypeAAAA, victim+" AAAA 2001:db8::80")
		})
	}
}

// An answer that there is nothing may not say so of another zone, nor for longer
// than its own zone says (RFC 2308).
func TestBailiwick_negative(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		m := x.Reply()
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{dnstest.Record(victim + " 86400 IN SOA a. b. 1 2 3 4 86400"), dnstest.Record(victim + " 86400 IN A " + poison)}
		x.Send(dnstest.Pack(m))
	})
	s := start(t, up, nil)
	for range 2 {
		if m := s.ask(t, "none.other.example", dns.TypeA, nil); m.Rcode != dns.RcodeNameError || len(m.Ns) > 0 {
			t.Errorf("want NXDOMAIN without the SOA of another zone:\n%s", m)
		}
	}
	if n := up.Asked(); n != 2 {
		t.Errorf("the upstream was asked %d times; want twice: nothing says how long the answer holds", n)
	}
	s.clean(t, up)
}

// That a name does not exist says nothing of those below, which servers get wrong
// (DVE-2019-0001), nor of other types and spellings.
func TestBailiwick_below(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, dnstest.Zone("www.empty.example. 300 IN A "+truth))
	s := start(t, up, nil)
	s.expect(t, "empty.example", dns.TypeA, "NXDOMAIN")
	s.expect(t, "www.empty.example", dns.TypeA, "www.empty.example. A "+truth)
	s.expect(t, "EMPTY.example", dns.TypeA, "NXDOMAIN")
}

// zoned is a resolver with another upstream for .lan.
func zoned(t *testing.T, up, lan *dnstest.Server) *setup {
	t.Helper()
	return start(t, up, func(c *resolver.Config) {
		c.Zones = []resolver.Zone{{Name: wire(t, "lan"), Group: group(t, "udp", longWait, lan.Addr)}}
	})
}

// The upstream of a zone speaks for that zone only (MaginotDNS, CVE-2021-25220):
// where an alias leads out of it, the rest is asked for where it would be asked
// for anyway.
func TestBailiwick_zone(t *testing.T) {
	t.Parallel()
	const world = victim + " 300 IN A " + truth + "\nwww.example. 300 IN CNAME " + victim + "\n"
	for _, tt := range []struct {
		name    string
		says    []string
		want    string
		outside bool // the other upstream has to be asked
	}{
		{"address", []string{"host.lan. 300 IN A 192.168.1.1"}, "host.lan. A 192.168.1.1", false},
		{"address and another", []string{"host.lan. 300 IN A 192.168.1.1", victim + " 300 IN A " + poison}, "host.lan. A 192.168.1.1", false},
		{"alias inside", []string{"host.lan. 300 IN CNAME x.lan.", "x.lan. 300 IN A 192.168.1.2"},
			"host.lan. CNAME x.lan., x.lan. A 192.168.1.2", false},
		{"alias outside", []string{"host.lan. 300 IN CNAME " + victim, victim + " 300 IN A " + poison},
			"host.lan. CNAME bank.example., bank.example. A " + truth, true},
		{"alias outside, in disorder", []string{victim + " 300 IN A " + poison, "host.lan. 300 IN CNAME " + victim},
			"host.lan. CNAME bank.example., bank.example. A " + truth, true},
		{"alias inside and outside", []string{"host.lan. 300 IN CNAME x.lan.", "x.lan. 300 IN CNAME " + victim, victim + " 300 IN A " + poison},
			"host.lan. CNAME x.lan., x.lan. CNAME bank.example., bank.example. A " + truth, true},
		{"alias outside, another alias there", []string{"host.lan. 300 IN CNAME www.example.", "www.example. 300 IN CNAME evil.example.",
			"evil.example. 300 IN A " + poison}, "host.lan. CNAME www.example., www.example. CNAME bank.example., bank.example. A " + truth, true},
		{"alias outside and back", []string{"host.lan. 300 IN CNAME none.example.", "none.example. 300 IN CNAME x.lan.", "x.lan. 300 IN A " + poison},
			"NXDOMAIN, host.lan. CNAME none.example.", true},
		{"similar name", []string{"host.lan. 300 IN CNAME x.notlan.", "x.notlan. 300 IN A " + poison},
			"NXDOMAIN, host.lan. CNAME x.notlan.", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up, lan := dnstest.NewServer(t, dnstest.Zone(world)), dnstest.NewServer(t, func(x *dnstest.Exchange) { x.Answer(tt.says...) })
			s := zoned(t, up, lan)
			for range 2 {
				s.expect(t, "host.lan", dns.TypeA, tt.want)
			}
			if got := up.Asked() > 0; got != tt.outside {
				t.Errorf("the upstream of everything was asked: %t; want %t", got, tt.outside)
			}
			if n := lan.Asked(); n != 1 {
				t.Errorf("the upstream of the zone was asked %d times; want once", n)
			}
			s.clean(t, up)
			s.expect(t, "host.lan", dns.TypeA, tt.want)
		})
	}
}

// An answer that is put together from two has the AD bit only if both had it.
func TestBailiwick_zoneSecure(t *testing.T) {
	t.Parallel()
	secure := func(records ...string) func(x *dnstest.Exchange) {
		return func(x *dnstest.Exchange) {
			m := x.Reply(records...)
			m.AuthenticatedData = true
			x.Send(dnstest.Pack(m))
		}
	}
	up := dnstest.NewServer(t, secure(victim+" 300 IN A "+truth))
	lan := dnstest.NewServer(t, func(x *dnstest.Exchange) { x.Answer("host.lan. 300 IN CNAME " + victim) })
	s := zoned(t, up, lan)
	for range 2 {
		m := s.ask(t, "host.lan", dns.TypeA, func(m *dns.Msg) { m.IsEdns0().SetDo() })
		if m.AuthenticatedData {
			t.Errorf("AD is set; the alias is not proved:\n%s", m)
		}
	}
}

// The upstream of a zone is asked for nothing else, and no other for the zone.
func TestBailiwick_zoneFailed(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		if strings.HasSuffix(x.Name(), ".lan.") {
			t.Errorf("the upstream of everything is asked for %s", x.Name())
		}
		right(x)
	})
	lan := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		if !strings.HasSuffix(x.Name(), ".lan.") {
			t.Errorf("the upstream of the zone is asked for %s", x.Name())
		}
		dnstest.Code(dns.RcodeServerFailure)(x)
	})
	s := zoned(t, up, lan)
	s.expect(t, "host.lan", dns.TypeA, "SERVFAIL")
	s.expect(t, victim, dns.TypeA, victim+" A "+truth)
	s.expect(t, "host.lan", dns.TypeA, "SERVFAIL")
}
