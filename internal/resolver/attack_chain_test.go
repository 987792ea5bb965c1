package resolver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// links is a chain of n aliases from www.example, and the address that it ends in.
func links(n int) (records []string) {
	name := "www.example."
	for i := range n {
		next := fmt.Sprintf("l%d.example.", i+1)
		records = append(records, name+" 300 IN CNAME "+next)
		name = next
	}
	return append(records, name+" 300 IN A "+truth)
}

// shown is how text shows records.
func shown(records []string) string {
	var out []string
	for _, r := range records {
		out = append(out, strings.Replace(r, " 300 IN ", " ", 1))
	}
	return strings.Join(out, ", ")
}

func backwards(records []string) []string {
	r := slices.Clone(records)
	slices.Reverse(r)
	return r
}

// Chains of aliases are followed up to 16 links, in any order; what does not end
// or is not clear fails, at once, and leaves nothing behind.
func TestChain(t *testing.T) {
	t.Parallel()
	falseA := victim + " 300 IN A " + poison
	for _, tt := range []struct {
		name string
		says []string
		want string
	}{
		{"2 links", links(2), shown(links(2))},
		{"16 links", links(16), shown(links(16))},
		{"16 links backwards", backwards(links(16)), shown(links(16))},
		{"17 links", append(links(17), falseA), "SERVFAIL"},
		{"17 links backwards", backwards(links(17)), "SERVFAIL"},
		{"500 links", links(500), "SERVFAIL"},
		{"to itself", []string{"www.example. 300 IN CNAME www.example.", falseA}, "SERVFAIL"},
		{"to itself in another case", []string{"www.example. 300 IN CNAME WWW.Example."}, "SERVFAIL"},
		{"loop of two", []string{"www.example. 300 IN CNAME a.example.", "a.example. 300 IN CNAME www.example."}, "SERVFAIL"},
		{"loop behind", []string{"www.example. 300 IN CNAME a.example.", "a.example. 300 IN CNAME b.example.",
			"b.example. 300 IN CNAME a.example.", falseA}, "SERVFAIL"},
		{"fork", []string{"www.example. 300 IN CNAME a.example.", "www.example. 300 IN CNAME b.example.", "a.example. 300 IN A 192.0.2.1",
			"b.example. 300 IN A " + poison}, "SERVFAIL"},
		{"gap", []string{"www.example. 300 IN CNAME a.example.", "b.example. 300 IN A " + poison}, "www.example. CNAME a.example."},
		{"other question's", []string{"other.example. 300 IN CNAME www.example.", "www.example. 300 IN A " + truth}, "www.example. A " + truth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
				if x.Conn == nil && len(tt.says) > 20 {
					m := x.Reply()
					m.Truncated = true
					x.Send(dnstest.Pack(m))
					return
				}
				x.Answer(tt.says...)
			})
			s := start(t, up, nil)
			began := time.Now()
			for range 2 {
				s.expect(t, "www.example", dns.TypeA, tt.want)
			}
			if took := time.Since(began); took > longWait/2 {
				t.Errorf("two answers took %v; want no wait", took)
			}
			s.clean(t, up)
		})
	}
}

// A list that blocks a name blocks what leads to it, at whichever link and in
// whichever order the links come, from upstream and from the cache.
func TestChain_blocked(t *testing.T) {
	t.Parallel()
	m, err := lists.New(lists.Config{Sources: []lists.Source{{List: "ads", Location: "*.ads\n"}}})
	if err != nil {
		t.Fatal(err)
	}
	through := func(at, n int) []string {
		r := links(n)
		for i := range r {
			r[i] = strings.ReplaceAll(r[i], fmt.Sprintf("l%d.example.", at), "Tracker.ADS.")
		}
		return r
	}
	for _, tt := range []struct {
		name  string
		qtype uint16
		says  []string
		match dnsevent.Match
	}{
		{"link 1", dns.TypeA, through(1, 1), dnsevent.MatchAlias},
		{"link 1 of 3", dns.TypeA, through(1, 3), dnsevent.MatchAlias},
		{"link 2", dns.TypeA, through(2, 2), dnsevent.MatchAlias},
		{"link 8 of 9", dns.TypeA, through(8, 9), dnsevent.MatchAlias},
		{"link 16, backwards", dns.TypeA, backwards(through(16, 16)), dnsevent.MatchAlias},
		{"HTTPS alias", dns.TypeHTTPS, []string{"www.example. 300 IN HTTPS 0 tracker.ads."}, dnsevent.MatchTarget},
		{"HTTPS target", dns.TypeHTTPS, []string{"www.example. 300 IN HTTPS 1 Tracker.ads. alpn=h2"}, dnsevent.MatchTarget},
		{"second HTTPS target", dns.TypeHTTPS, []string{"www.example. 300 IN HTTPS 1 . alpn=h2", "www.example. 300 IN HTTPS 2 tracker.ads."},
			dnsevent.MatchTarget},
		{"SVCB target", dns.TypeSVCB, []string{"www.example. 300 IN SVCB 1 tracker.ads."}, dnsevent.MatchTarget},
		{"HTTPS behind an alias", dns.TypeHTTPS, []string{"www.example. 300 IN CNAME a.example.", "a.example. 300 IN HTTPS 0 tracker.ads."},
			dnsevent.MatchTarget},
		{"DNAME", dns.TypeA, []string{"example. 300 IN DNAME ads.", "www.example. 300 IN CNAME www.ads.", "www.ads. 300 IN A " + truth},
			dnsevent.MatchAlias},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) { x.Answer(tt.says...) })
			s := start(t, up, func(c *resolver.Config) {
				c.Lists = m
				c.Policy.Lists = []dnspolicy.List{{Name: "ads", Deny: []blocklist.Source{lists.Deny(0)}, Allow: []blocklist.Source{lists.Allowed(0)}}}
				c.Policy.Rules = []dnspolicy.Rule{{Lists: []string{"ads"}}}
			})
			for i := range 2 {
				a := s.ask(t, "www.example", tt.qtype, nil)
				if strings.Contains(strings.ToLower(a.String()), ".ads.") || strings.Contains(a.String(), truth) {
					t.Errorf("answer %d leads to a blocked name:\n%s", i, a)
				}
				if e := s.entries(t, 1)[0]; e.Action != dnsevent.Blocked || e.Match != tt.match {
					t.Errorf("answer %d: %v, %v (%s); want blocked for %v", i, e.Action, e.Match, e.Reason(e.Name), tt.match)
				}
			}
			s.clean(t, up)
		})
	}
}
