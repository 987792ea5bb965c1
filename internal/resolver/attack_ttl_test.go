package resolver_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// How long answers live is what the upstream says, but not what it says in jest:
// the highest bit means 0 (RFC 2181 section 8), a set of records has one life, and
// nothing lives longer than a week.
func TestTTL(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * 3600
	for _, tt := range []struct {
		name string
		ttls []uint32 // of A records
		want uint32
	}{
		{"0", []uint32{0}, 0},
		{"1 minute", []uint32{60}, 60},
		{"2^31", []uint32{1 << 31}, 0},
		{"2^31 - 1", []uint32{1<<31 - 1}, week},
		{"2^32 - 1", []uint32{1<<32 - 1}, 0},
		{"60 and 30", []uint32{60, 30}, 30},
		{"60 and 0", []uint32{60, 0}, 0},
		{"60 and 2^31", []uint32{60, 1 << 31}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
				m := x.Reply()
				for i, ttl := range tt.ttls {
					a := dnstest.Record("www.example. IN A " + ip(0)).(*dns.A)
					a.A[len(a.A)-1] = byte(i)
					a.Hdr.Ttl = ttl
					m.Answer = append(m.Answer, a)
				}
				x.Send(dnstest.Pack(m))
			})
			s := start(t, up, nil)
			for i := range 2 {
				m := s.ask(t, "www.example", dns.TypeA, nil)
				for _, r := range m.Answer {
					if got := r.Header().Ttl; got > tt.want || got+5 < tt.want || i == 0 && got != tt.want {
						t.Errorf("answer %d: the TTL is %d; want %d", i, got, tt.want)
					}
				}
				if len(m.Answer) != len(tt.ttls) {
					t.Errorf("answer %d: %s; want %d addresses", i, summary(m), len(tt.ttls))
				}
			}
			want := 1
			if tt.want == 0 {
				want = 2
			}
			if n := up.Asked(); n != want {
				t.Errorf("the upstream was asked %d times; want %d", n, want)
			}
			s.clean(t, up)
		})
	}
}

// An alias lives no longer than what it leads to, and the other way round.
func TestTTL_chain(t *testing.T) {
	t.Parallel()
	for name, says := range map[string][]string{
		"alias":   {"www.example. 0 IN CNAME a.example.", "a.example. 300 IN A 192.0.2.1"},
		"address": {"www.example. 300 IN CNAME a.example.", "a.example. 0 IN A 192.0.2.1"},
	} {
		up := dnstest.NewServer(t, func(x *dnstest.Exchange) { x.Answer(says...) })
		s := start(t, up, nil)
		for range 2 {
			s.expect(t, "www.example", dns.TypeA, "www.example. CNAME a.example., a.example. A 192.0.2.1")
		}
		if n := up.Asked(); n != 2 {
			t.Errorf("%s without a life: the upstream was asked %d times; want twice", name, n)
		}
	}
}

// A negative answer is cached only if it says for how long (RFC 2308), and never
// for longer than the configuration allows.
func TestTTL_negative(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, soa string
		asked     int
		most      uint32
	}{
		{"none", "", 2, 0},
		{"minimum 0", "example. 300 IN SOA a. b. 1 2 3 4 0", 2, 0},
		{"TTL 0", "example. 0 IN SOA a. b. 1 2 3 4 300", 2, 0},
		{"minimum of a month", "example. 2592000 IN SOA a. b. 1 2 3 4 2592000", 1, 3600},
		{"minimum 2^32 - 1", "example. 300 IN SOA a. b. 1 2 3 4 4294967295", 1, 300},
	} {
		for _, code := range []int{dns.RcodeNameError, dns.RcodeSuccess} {
			t.Run(tt.name+" "+dns.RcodeToString[code], func(t *testing.T) {
				t.Parallel()
				up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
					m := x.Reply()
					if m.Rcode = code; tt.soa != "" {
						m.Ns = []dns.RR{dnstest.Record(tt.soa)}
					}
					x.Send(dnstest.Pack(m))
				})
				s := start(t, up, nil)
				for range 2 {
					m := s.ask(t, "www.example", dns.TypeA, nil)
					if m.Rcode != code || len(m.Answer) != 0 {
						t.Errorf("%s", m)
					}
					for _, r := range m.Ns {
						if r.Header().Ttl > tt.most {
							t.Errorf("the TTL of the SOA is %d; want %d at most", r.Header().Ttl, tt.most)
						}
					}
				}
				if n := up.Asked(); n != tt.asked {
					t.Errorf("the upstream was asked %d times; want %d", n, tt.asked)
				}
			})
		}
	}
}
