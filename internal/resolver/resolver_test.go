package resolver_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

const someZone = `
www.example. 300 IN A 93.184.216.34
www.example. 300 IN AAAA 2606:2800:21f::1
alias.example. 300 IN CNAME tracker.ads.
tracker.ads. 300 IN A 93.184.216.35
rebind.example. 300 IN A 192.168.1.1
`

func TestResolver_outcomes(t *testing.T) {
	t.Parallel()
	s := start(t, dnstest.NewServer(t, dnstest.Zone(someZone)), func(c *resolver.Config) {
		deny(t, c, "*.ads\nbad.example")
		c.Policy.Rebinding = true
	})
	for _, tt := range []struct {
		name   string
		qtype  uint16
		rcode  int
		want   string
		action dnsevent.Action
		ede    int
	}{
		{"www.example", dns.TypeA, 0, "www.example. A 93.184.216.34", dnsevent.Resolved, -1},
		{"WWW.example", dns.TypeA, 0, "WWW.example. A 93.184.216.34", dnsevent.Cached, -1},
		{"bad.example", dns.TypeA, 0, "bad.example. A 0.0.0.0", dnsevent.Blocked, 15},
		{"bad.example", dns.TypeAAAA, 0, "bad.example. AAAA ::", dnsevent.Blocked, 15},
		{"bad.example", dns.TypeMX, 0, "", dnsevent.Blocked, 15},
		{"x.y.ads", dns.TypeA, 0, "x.y.ads. A 0.0.0.0", dnsevent.Blocked, 15},
		{"alias.example", dns.TypeA, 0, "alias.example. A 0.0.0.0", dnsevent.Blocked, 15},
		{"rebind.example", dns.TypeA, 0, "", dnsevent.Blocked, 15},
		{"none.example", dns.TypeA, 3, "", dnsevent.Resolved, -1},
		{"none.example", dns.TypeA, 3, "", dnsevent.Cached, -1},
		{"localhost", dns.TypeA, 0, "localhost. A 127.0.0.1", dnsevent.Local, 29},
		{"x.onion", dns.TypeA, 3, "", dnsevent.Local, 29},
		{"www.example", dns.TypeANY, 0, `www.example. HINFO "RFC8482" ""`, dnsevent.Local, -1},
		{"www.example", dns.TypeAXFR, 5, "", dnsevent.Refused, -1},
	} {
		m := s.ask(t, tt.name, tt.qtype, nil)
		e := s.entries(t, 1)[0]
		if m.Rcode != tt.rcode || answers(m) != tt.want || e.Action != tt.action || extendedError(m) != tt.ede {
			t.Errorf("%s %s: %s %q, EDE %d, %v (%s); want %s %q, EDE %d, %v", tt.name, dns.TypeToString[tt.qtype],
				dns.RcodeToString[m.Rcode], answers(m), extendedError(m), e.Action, e.Reason(e.Name), dns.RcodeToString[tt.rcode], tt.want, tt.ede, tt.action)
		}
	}
}

// deny gives all clients a list, in a configuration without other lists.
func deny(t testing.TB, c *resolver.Config, list string) {
	t.Helper()
	m, err := lists.New(lists.Config{Sources: []lists.Source{{List: "ads", Location: list + "\n"}}})
	if err != nil {
		t.Fatal(err)
	}
	c.Lists, c.Policy.Lists = m, []dnspolicy.List{{Name: "ads", Deny: []blocklist.Source{lists.Deny(0)}}}
	c.Policy.Rules = []dnspolicy.Rule{{Lists: []string{"ads"}}}
}

// answers returns the answers of a message, one line each, without TTLs.
func answers(m *dns.Msg) string {
	var out []string
	for _, rr := range m.Answer {
		f := strings.Split(rr.String(), "\t")
		out = append(out, f[0]+" "+strings.Join(f[3:], " "))
	}
	return strings.Join(out, "\n")
}

// extendedError returns the code of the extended error, -1 for none.
func extendedError(m *dns.Msg) int {
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				return int(e.InfoCode)
			}
		}
	}
	return -1
}
