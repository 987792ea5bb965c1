package resolver_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

// A public name that has an address of the qubes' own network lets a web page
// talk to what is there: such answers are taken out, in whichever form the address
// comes, from upstream and from the cache.
func TestRebinding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, record string
		let          bool
	}{
		{"public", "A 93.184.216.34", true},
		{"public IPv6", "AAAA 2606:2800:21f::1", true},
		{"RFC 1918, 10", "A 10.137.0.1", false},
		{"RFC 1918, 172", "A 172.31.255.255", false},
		{"not RFC 1918, 172", "A 172.32.0.1", true},
		{"RFC 1918, 192", "A 192.168.1.1", false},
		{"loopback", "A 127.8.8.8", false},
		{"link-local", "A 169.254.169.254", false},
		{"unspecified", "A 0.0.0.0", false},
		{"this network", "A 0.1.2.3", false},
		{"carriers'", "A 100.64.0.1", false},
		{"broadcast", "A 255.255.255.255", false},
		{"multicast", "A 224.0.0.251", false},
		{"ULA", "AAAA fd09:24ef:4179::a89:1", false},
		{"link-local IPv6", "AAAA fe80::1", false},
		{"site-local", "AAAA fec0::1", false},
		{"loopback IPv6", "AAAA ::1", false},
		{"unspecified IPv6", "AAAA ::", false},
		{"mapped", "AAAA 2001:db8::ffff:c0a8:101", false},
		{"mapped loopback", "AAAA 2001:db8::ffff:7f00:1", false},
		{"mapped public", "AAAA 2001:db8::ffff:5db8:d822", true},
		{"NAT64", "AAAA 64:ff9b::10.137.0.1", false},
		{"NAT64 of a public one", "AAAA 64:ff9b::93.184.216.34", true},
		{"NAT64 of a network's own", "AAAA 64:ff9b:1::10.137.0.1", false}, // RFC 8215: never public
		{"compatible", "AAAA ::192.168.1.1", false},                       // RFC 4291 section 2.5.5.1
		{"6to4", "AAAA 2002:a89:1::1", false},
		{"6to4 of loopback", "AAAA 2002:7f00:1::", false},
		{"6to4 of a public one", "AAAA 2002:5db8:d822::1", true},
		{"Teredo to a private client", "AAAA 2001:0:5db8:d822::f576:fffe", false},
		{"Teredo through a private server", "AAAA 2001:0:a89:1::a247:27dd", false},
		{"Teredo of public ones", "AAAA 2001:0:5db8:d822::a247:27dd", true},
		{"translated", "AAAA ::ffff:0:10.137.0.1", false}, // RFC 7915
		{"6to4 hint", "HTTPS 1 . ipv6hint=2002:c0a8:101::1", false},
		{"NAT64 hint", "HTTPS 1 . ipv6hint=64:ff9b::c0a8:101", false},
		{"hint of a service with a target", "HTTPS 1 other.example. ipv4hint=10.137.0.1", false},
		{"hint", "HTTPS 1 . alpn=h2 ipv4hint=93.184.216.34,192.168.1.1", false},
		{"IPv6 hint", "HTTPS 1 . ipv6hint=fd00::1", false},
		{"mapped hint", "HTTPS 1 . ipv6hint=2001:db8::ffff:a00:1", false},
		{"hint of SVCB", "SVCB 1 dns.example. alpn=h2 ipv4hint=127.0.0.1", false},
		{"public hint", "HTTPS 1 . alpn=h2 ipv4hint=93.184.216.34 ipv6hint=2606:2800:21f::1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			qtype := dns.StringToType[strings.Fields(tt.record)[0]]
			good := map[uint16]string{dns.TypeA: "A 93.184.216.35", dns.TypeAAAA: "AAAA 2606:2800:21f::2"}[qtype]
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
				alias := x.Name() + " 300 IN CNAME a.example."
				switch {
				case !strings.HasPrefix(x.Name(), "alias."):
					x.Send(unmapped(x.Reply(x.Name() + " 300 IN " + tt.record)))
				case good != "": // the bad one is the last of them
					x.Send(unmapped(x.Reply(alias, "a.example. 300 IN "+good, "a.example. 300 IN "+tt.record)))
				default:
					x.Send(unmapped(x.Reply(alias, "a.example. 300 IN "+tt.record)))
				}
			})
			s := start(t, up, func(c *resolver.Config) { c.Policy.Rebinding = true })
			for i := range 4 {
				name := []string{"www.example", "alias.example"}[i/2]
				m := s.ask(t, name, qtype, nil)
				e := s.entries(t, 1)[0]
				if let := len(m.Answer) > 0; let != tt.let || m.Rcode != 0 {
					t.Errorf("%s %s: %q; want it let through: %t", name, tt.record, summary(m), tt.let)
				}
				if blocked := e.Match == dnsevent.MatchRebinding; blocked == tt.let {
					t.Errorf("%s %s: the log says %s", name, tt.record, e.Reason(e.Name))
				}
			}
			s.clean(t, up)
		})
	}
}

// Names that the configuration trusts may have private addresses, they and those
// below them, and no others.
func TestRebinding_public(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { x.Answer(x.Name() + " 300 IN A 192.168.1.1") })
	s := start(t, up, func(c *resolver.Config) {
		c.Policy.Rebinding = true
		c.Public = map[string]bool{string(wire(t, "plex.example")): true}
	})
	for name, let := range map[string]bool{"plex.example.": true, "x.plex.example.": true, "x.PLEX.example.": true, "xplex.example.": false,
		"plex.example.net.": false, "example.": false} {
		want := ""
		if let {
			want = name + " A 192.168.1.1"
		}
		for range 2 {
			s.expect(t, name, dns.TypeA, want)
		}
	}
	s.clean(t, up)
}

// unmapped packs a message. The library does not write IPv4-mapped addresses:
// tests write 2001:db8::ffff:… for ::ffff:….
func unmapped(m *dns.Msg) []byte {
	return bytes.ReplaceAll(dnstest.Pack(m), []byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\xff\xff"), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"))
}
