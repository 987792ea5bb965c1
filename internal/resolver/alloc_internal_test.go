package resolver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnsserver"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// ready returns a resolver that blocks *.ads and has www.example in its cache,
// and the two queries for that.
func ready(tb testing.TB, log *dnsevent.Queue, clock func() time.Time) (s *Resolver, cached, blocked []byte) {
	tb.Helper()
	m, err := lists.New(lists.Config{Sources: []lists.Source{{List: "ads", Location: "*.ads\n"}}})
	if err != nil {
		tb.Fatal(err)
	}
	work := &qube.Qube{Name: "work", Label: "blue", IP: netip.MustParseAddr("10.137.0.9")}
	s, err = New(Config{Cache: Cache{Size: 1 << 20}, Log: log, Clock: clock, Qubes: func() []*qube.Qube { return []*qube.Qube{work} },
		Limits: Limits{InFlight: 100, QubeInFlight: 100, Rate: 1 << 40, Burst: 10},
		Rules: Rules{Lists: m, Special: true, PrivateTLDs: true, Policy: &dnspolicy.Config{Upstreams: []string{"default"}, Rebinding: true, Block: dnspolicy.Block{TTL: 60},
			Lists: []dnspolicy.List{{Name: "ads", Deny: []blocklist.Source{lists.Deny(0)}}}, Rules: []dnspolicy.Rule{{Lists: []string{"ads"}}}}}})
	if err != nil {
		tb.Fatal(err)
	}
	query := func(text string) []byte {
		name, err := dnsmsg.ParseName(nil, text)
		if err != nil {
			tb.Fatal(err)
		}
		b := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 77, dnsmsg.FlagRD), name, dnsmsg.TypeA, dnsmsg.ClassIN)
		b = dnsmsg.AppendOPT(b, &dnsmsg.OPT{Size: 1232, EDE: dnsmsg.NoEDE, Cookie: []byte("12345678")})
		dnsmsg.SetCounts(b, 1, 0, 0, 1)
		return b
	}
	cached, blocked = query("WWW.Example"), query("x.tracker.ads")
	r := &request{Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000"), At: s.conf.Clock().UnixNano()}}
	s.decide(r, cached, nil)
	msg := r.begin(nil, dnsmsg.NoError)
	ttl := uint16(len(msg) + 6)
	msg = appendAddress(msg, r, netip.MustParseAddr("93.184.216.34"), 3600)
	dnsmsg.SetCounts(msg, 1, 1, 0, 0)
	s.cache.Put(r.key(), &dnscache.Entry{Msg: msg, TTLs: []uint16{ttl}, TTL: 3600}, s.seconds())
	return s, cached, blocked
}

// TestResolver_allocations holds that what needs no upstream is answered without
// garbage, with the log or without.
func TestResolver_allocations(t *testing.T) {
	for _, log := range []*dnsevent.Queue{nil, dnsevent.NewQueue(64)} {
		s, cached, blocked := ready(t, log, nil)
		ses, dst := s.NewSession().(*session), make([]byte, 0, dnsserver.ReplyRoom)
		for _, tt := range []struct {
			name string
			msg  []byte
			want dnsevent.Action
		}{{"cached", cached, dnsevent.Cached}, {"blocked", blocked, dnsevent.Blocked}} {
			q := dnsserver.Query{Msg: tt.msg, Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000")}}
			n := testing.AllocsPerRun(200, func() {
				q.At = time.Now().UnixNano()
				ses.Handle(&q, dst)
			})
			if ses.req.out.Action != tt.want || n != 0 {
				t.Errorf("%s: %v, %v allocations; want %v, 0", tt.name, ses.req.out.Action, n, tt.want)
			}
		}
	}
}

func BenchmarkResolver(b *testing.B) {
	for _, log := range []*dnsevent.Queue{nil, dnsevent.NewQueue(64)} {
		s, cached, blocked := ready(b, log, nil)
		ses, dst := s.NewSession(), make([]byte, 0, dnsserver.ReplyRoom)
		q := dnsserver.Query{Arrival: dnsserver.Arrival{From: netip.MustParseAddrPort("10.137.0.9:4000")}}
		for name, msg := range map[string][]byte{"cached": cached, "blocked": blocked} {
			if log != nil {
				name += ", logged"
			}
			b.Run(name, func(b *testing.B) {
				q.Msg = msg
				b.ReportAllocs()
				for b.Loop() {
					q.At = time.Now().UnixNano()
					ses.Handle(&q, dst)
				}
			})
		}
	}
}
