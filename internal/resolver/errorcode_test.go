package resolver_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// closed is a gate that lets one address through in no way.
type closed string

// Refuses implements resolver.ACL.
func (c closed) Refuses(a netip.Addr, _ bool) (string, bool) {
	return "drop dns", a.String() == string(c)
}

// text holds the text of the extended error.
func text(want string) func(r *reply) {
	return func(r *reply) {
		r.t.Helper()
		if e := r.ede(); e == nil || e.ExtraText != want {
			r.errorf("the extended error is %v; want the text %q", e, want)
		}
	}
}

// gone makes all upstreams of a row fail.
func gone(t testing.TB, w *world) {
	t.Helper()
	for name := range w.ups {
		become(name, dnstest.Code(dns.RcodeServerFailure))(t, w)
	}
}

// errorCodeRows hold what extended errors (RFC 8914) say, and what a filter of
// types takes out of the records of services.
func errorCodeRows() []row {
	short := map[string]script{"up": dnstest.Zone("short.example. 1 IN A 93.184.216.34\n. 1 IN SOA a. b. 1 2 3 4 1")}
	service := map[string]script{"up": dnstest.Zone(`svc.example. 300 IN HTTPS 1 . alpn="h2,h3" ipv4hint="93.184.216.34" ipv6hint="2606:2800:21f::1"`)}
	const whole = `svc.example. ~300 HTTPS 1 . alpn="h2,h3" ipv4hint="93.184.216.34" ipv6hint="2606:2800:21f::1"`
	const without6 = `svc.example. ~300 HTTPS 1 . alpn="h2,h3" ipv4hint="93.184.216.34"`
	return []row{
		{id: "P8", name: "15, blocked by a list", yaml: `lists: {ads: {deny: ["bad.example\n"]}}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", check: text("ads")},
			{q: "bad.example A +noedns", want: "NOERROR | bad.example. 600 A 0.0.0.0", check: optionless},
		}},
		{id: "P8", name: "15, a private address", up: map[string]script{"up": dnstest.Zone("x.example. 300 IN A 10.0.0.1")}, steps: []step{
			{q: "x.example A", want: "NOERROR | SOA 600 | EDE 15", check: text("private address")},
		}},
		{id: "P8", name: "15, not on the list of allowed names", yaml: `allow_only: true`, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 600 A 0.0.0.0 | EDE 15", check: text("not on the list of allowed names")},
		}},
		{id: "P8", name: "17, a filtered type or name", yaml: "no_types: [AAAA]\nfqdn_only: true", steps: []step{
			{q: "www.example AAAA", want: "NOERROR | SOA 600 | EDE 17"}, {q: "nas A", want: "NXDOMAIN | SOA 600 | EDE 17"},
		}},
		{id: "P8", name: "18, refused by qvm-firewall", gate: closed("127.10.0.4"), steps: []step{
			{from: "kiosk", q: "www.example A", want: "REFUSED | EDE 18", check: text("qvm-firewall"), log: "ERROR | ERROR (drop dns)", asked: "up 0"},
			{from: "kiosk", q: "localhost A", want: "REFUSED | EDE 18"},
			{from: "work-web", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
		}},
		{id: "P8", name: "4, from records, and 29, a name of special use", yaml: `records: [{name: nas.example, addresses: [10.0.0.1]}]`, steps: []step{
			{q: "nas.example A", want: "NOERROR | nas.example. 3600 A 10.0.0.1 | EDE 4"}, {q: "x.onion A", want: "NXDOMAIN | SOA 3600 | EDE 29"},
		}},
		// blocky says 13, "cached error", of every answer from its cache.
		{id: "P8", name: "none for what comes from an upstream or the cache", steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED"},
			{q: "none.example A", want: "NXDOMAIN | SOA 60"}, {q: "none.example A", want: "NXDOMAIN | SOA ~60", log: "CACHED | CACHED NEGATIVE"},
		}},
		{id: "P8", name: "22, the upstreams fail", up: map[string]script{"up": dnstest.Code(dns.RcodeServerFailure)}, steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"}, {q: "www.example A", want: "SERVFAIL | EDE 22", asked: "up 3"},
		}},
		{id: "P8", name: "23, too many queries wait", yaml: "{limits: {in_flight_per_qube: 1}}", up: map[string]script{"up": dnstest.Named("slow.example.", dnstest.Silent, dnstest.Zone(world0))}, steps: []step{
			{do: func(t testing.TB, w *world) {
				c := w.dial(t, "", false)
				t.Cleanup(func() { _ = c.Close() })
				packed, _ := new(dns.Msg).SetQuestion("slow.example.", dns.TypeA).Pack()
				if _, err := c.Write(packed); err != nil {
					t.Fatal(err)
				}
				dnstest.Until(t, "it is asked", func() bool { return w.ups["up"].Asked() > 0 })
			}, q: "www.example A", want: "SERVFAIL | EDE 23", log: "ERROR | ERROR (too many queries are waiting)"},
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", log: "none"},
		}},
		{id: "P8", name: "3 and 19, past their time where the upstreams fail", yaml: "cache: {serve_stale: 1h}", up: short, steps: []step{
			{q: "short.example A", want: "NOERROR | short.example. 1 A 93.184.216.34"},
			{q: "none.example A", want: "NXDOMAIN | SOA 1"},
			{do: all(gone, pass(1200*time.Millisecond)), q: "short.example A", want: "NOERROR | short.example. 30 A 93.184.216.34 | EDE 3", log: "CACHED | CACHED"},
			{q: "none.example A", want: "NXDOMAIN | SOA 30 | EDE 19", log: "CACHED | CACHED NEGATIVE"},
		}},
		{id: "P8", name: "no AAAA, no hint at IPv6 addresses", yaml: `policies: [{qubes: [kiosk], no_types: [AAAA]}]`, up: service, steps: []step{
			{from: "kiosk", q: "svc.example HTTPS", want: "NOERROR | " + without6},
			{q: "svc.example HTTPS", want: "NOERROR | " + whole, log: "CACHED | CACHED"},
			{from: "kiosk", q: "svc.example HTTPS", want: "NOERROR | " + without6, log: "CACHED | CACHED"},
		}},
		{id: "P8", name: "no A, no hint at IPv4 addresses", yaml: `no_types: [A]`, up: service, steps: []step{
			{q: "svc.example HTTPS", want: `NOERROR | svc.example. 300 HTTPS 1 . alpn="h2,h3" ipv6hint="2606:2800:21f::1"`},
		}},
	}
}
