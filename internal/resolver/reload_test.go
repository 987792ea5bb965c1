package resolver_test

import (
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// TestResolver_Reload holds that every query is answered under the rules before or
// those after, while they change, and that answers of one upstream are not given
// under rules that name another.
func TestResolver_Reload(t *testing.T) {
	t.Parallel()
	first := dnstest.NewServer(t, dnstest.Zone("www.example. 300 IN A 93.184.216.1\nx.ads. 300 IN A 93.184.216.9\n"))
	second := dnstest.NewServer(t, dnstest.Zone("www.example. 300 IN A 93.184.216.2\nx.ads. 300 IN A 93.184.216.9\n"))
	s := start(t, first, func(c *resolver.Config) { deny(t, c, "*.ads") })
	rules := func(u *dnstest.Server, list string) resolver.Rules {
		a, err := upstream.Parse("udp://" + u.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		m, err := lists.New(lists.Config{Sources: []lists.Source{{List: "l", Location: list}}})
		if err != nil {
			t.Fatal(err)
		}
		return resolver.Rules{Lists: m, Special: true,
			Groups: []*upstream.Group{upstream.NewGroup(upstream.Config{Servers: []*upstream.Address{a}, Timeout: 500e6, Strategy: upstream.Strict})},
			Policy: &dnspolicy.Config{Upstreams: []string{"default"}, Lists: []dnspolicy.List{{Name: "l", Deny: []blocklist.Source{lists.Deny(0)}}}, Rules: []dnspolicy.Rule{{Lists: []string{"l"}}}}}
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if m := s.ask(t, "www.example", dns.TypeA, nil); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
					t.Errorf("www.example: %v", m)
				}
			}
		})
	}
	for i := range 20 {
		u, list := first, "*.ads\n"
		if i%2 == 0 {
			u, list = second, "none.example\n"
		}
		if err := s.Reload(rules(u, list)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Reload(rules(second, "none.example\n")); err != nil {
		t.Fatal(err)
	}
	close(stop)
	load.Wait()
	if got := answers(s.ask(t, "www.example", dns.TypeA, nil)); got != "www.example. A 93.184.216.2" {
		t.Errorf("after the last reload: %s", got)
	}
	if got := answers(s.ask(t, "x.ads", dns.TypeA, nil)); got != "x.ads. A 93.184.216.9" {
		t.Errorf("a list that is gone still blocks: %s", got)
	}
}
