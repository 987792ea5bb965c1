package dns_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// flowTo is a flow that a client has begun.
func flowTo(client, dst string, at time.Time) *event.Flow {
	f := &event.Flow{Parties: event.Parties{Client: netip.MustParseAddr(client), SourceQube: &qube.Qube{Name: "any"}, Direction: event.Outbound}}
	f.Start = at.UnixNano()
	f.Source.Addr, f.Family = packet.AddrFrom(netip.MustParseAddr(client))
	f.Destination.Addr, _ = packet.AddrFrom(netip.MustParseAddr(dst))
	return f
}

// answer is an answer that was seen on its way to a client.
func answer(client, server string, id uint16, name, address string) *dnsview.Answer {
	return &dnsview.Answer{Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server), ID: id, Name: name,
		Addresses: []netip.Addr{netip.MustParseAddr(address)}, At: t0}
}

func counts(n *dns.Names) map[string]uint64 {
	all := map[string]uint64{}
	for _, c := range metrics.Collect(n) {
		all[c.Group+"."+c.Name] = c.Value
	}
	return all
}

// TestServiceNames_Fill names the destinations of clients whose answers were seen, and
// marks public destinations that no answer has named.
func TestServiceNames_Fill(t *testing.T) {
	t.Parallel()
	n := dns.NewNames(func(a netip.Addr) bool { return a == netip.MustParseAddr("203.0.113.5") }, nil)
	if n.ObserveAnswer(answer("10.137.0.6:5000", "9.9.9.9:53", 7, "www.example", "198.51.100.1")) {
		t.Error("an answer is a duplicate though there is no resolver")
	}
	inbound := flowTo("10.137.0.6", "198.51.100.1", t0)
	inbound.Direction = event.Inbound
	connection, before := flowTo("10.137.0.6", "198.51.100.9", t0), flowTo("10.137.0.6", "198.51.100.9", t0)
	connection.Proto, connection.SynCount, before.Proto = packet.ProtoTCP, 1, packet.ProtoTCP
	for _, tt := range []struct {
		name       string
		flow       *event.Flow
		domain     string
		unresolved bool
	}{
		{"named", flowTo("10.137.0.6", "198.51.100.1", t0), "www.example", false},
		{"not named", flowTo("10.137.0.6", "198.51.100.9", t0), "", true},
		{"a connection, not named", connection, "", true},
		{"one from before, not named", before, "", false},
		{"a private address", flowTo("10.137.0.6", "192.168.1.1", t0), "", false},
		{"the resolver", flowTo("10.137.0.6", "203.0.113.5", t0), "", false},
		{"another client, whose DNS is not seen", flowTo("10.137.0.9", "198.51.100.1", t0), "", false},
		{"begun by the world", inbound, "", false},
	} {
		n.Fill(tt.flow)
		if tt.flow.Domain != tt.domain || tt.flow.Unresolved != tt.unresolved {
			t.Errorf("%s: Fill = %q, unresolved %v; want %q, %v", tt.name, tt.flow.Domain, tt.flow.Unresolved, tt.domain, tt.unresolved)
		}
	}
	at := t0.UnixNano()
	client, server := netip.MustParseAddr("10.137.0.6"), netip.MustParseAddr("198.51.100.1")
	if name := n.Resolved(client, server, at); name != "www.example" {
		t.Errorf("Resolved = %q; want www.example", name)
	}
	if name := n.Resolved(server, client, at) + (*dns.Names)(nil).Resolved(client, server, at); name != "" {
		t.Errorf("Resolved = %q for what no one has resolved, or where nothing is known", name)
	}
	got := counts(n)
	for name, want := range map[string]uint64{"names.clients": 1, "names.addresses": 1, "names.evicted": 0, "names.flows_named": 1, "names.flows_unresolved": 2} {
		if v, ok := got[name]; v != want || !ok {
			t.Errorf("%s = %d, %v; want %d", name, v, ok, want)
		}
	}
}

// TestServiceNames_IsResolver knows the addresses of this machine and those that Qubes
// redirects to it.
func TestServiceNames_IsResolver(t *testing.T) {
	t.Parallel()
	n := dns.NewNames(func(a netip.Addr) bool { return a == loopback }, nil)
	for a, want := range map[netip.Addr]bool{qvmfirewall.MagicDNS()[0]: true, qvmfirewall.MagicDNS()[1]: true, loopback: true, netip.MustParseAddr("9.9.9.9"): false} {
		if got := n.IsResolver(a); got != want {
			t.Errorf("IsResolver(%v) = %v; want %v", a, got, want)
		}
	}
}

// TestServiceNames_nil knows nothing.
func TestServiceNames_nil(t *testing.T) {
	t.Parallel()
	var n *dns.Names
	if n.ObserveAnswer(answer("10.137.0.6:5000", "9.9.9.9:53", 7, "www.example", "198.51.100.1")) {
		t.Error("ObserveAnswer = true; want false")
	}
}

// TestService_names learns names from the resolver's own answers, and takes what analyzers
// see of them for duplicates, but only while it logs them.
func TestService_names(t *testing.T) {
	t.Parallel()
	for _, logs := range []bool{true, false} {
		w := newWorld(t, func(_ *world, c *config.Resolver) {
			c.Log.Enabled = logs
			c.Lists = map[string]config.ResolverList{"ads": {Deny: []string{"ads.example\n"}}}
		})
		w.start()
		port, id := w.askFrom("www.example")
		w.wantAnswer("ads.example", "NOERROR", "0.0.0.0")
		w.stop()
		client := netip.AddrPortFrom(loopback, port).String()
		named, blocked := flowTo("127.0.0.1", "198.51.100.1", time.Now()), flowTo("127.0.0.1", "0.0.0.0", time.Now())
		w.names.Fill(named)
		w.names.Fill(blocked)
		if (named.Domain == "www.example") != logs || blocked.Domain != "" {
			t.Errorf("logs %v: the destinations are %q and %q", logs, named.Domain, blocked.Domain)
		}
		for _, tt := range []struct {
			name   string
			answer *dnsview.Answer
			want   bool
		}{
			{"the same query", answer(client, w.at.String(), id, "www.example", "198.51.100.1"), logs},
			{"another query", answer(client, w.at.String(), id+1, "www.example", "198.51.100.1"), false},
			{"the resolver's own query", answer("127.0.0.1:9", w.up.Addr.String(), 1, "www.example", "198.51.100.1"), logs},
			{"a client's query to the upstream", answer("10.137.0.6:9", w.up.Addr.String(), 1, "www.example", "198.51.100.1"), false},
		} {
			if got := w.names.ObserveAnswer(tt.answer); got != tt.want {
				t.Errorf("logs %v: %s: duplicate = %v; want %v", logs, tt.name, got, tt.want)
			}
		}
	}
}
