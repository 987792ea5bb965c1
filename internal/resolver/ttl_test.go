package resolver_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// pass lets time pass by the clock of the resolver.
func pass(d time.Duration) func(t testing.TB, w *world) {
	return func(_ testing.TB, w *world) { w.clock.advance(d) }
}

// ttlRows hold for how long answers are kept.
func ttlRows() []row {
	up := map[string]script{"up": dnstest.Zone(`
a.example. 300 IN A 192.0.2.1
a.example. 300 IN AAAA 2001:db8::1
two.example. 300 IN A 93.184.216.1
two.example. 200 IN A 93.184.216.2
alias.example. 1200 IN CNAME two.example.
short.example. 1 IN A 93.184.216.3
soon.example. 3 IN A 93.184.216.4
zero.example. 0 IN A 93.184.216.5
huge.example. 2147483648 IN A 93.184.216.6
long.example. 2000000 IN A 93.184.216.7
`)}
	const off = "rebinding: {enabled: false}\n"
	return []row{
		{id: "C1", name: "the TTL of the answer, and less of it from the cache", yaml: off, up: up, steps: []step{
			{q: "a.example A", want: "NOERROR | a.example. 300 A 192.0.2.1", log: "RESOLVED | RESOLVED (udp://$up)", asked: "up 1"},
			{q: "A.example A", want: "NOERROR | A.example. ~300 A 192.0.2.1", log: "CACHED | CACHED", asked: "up 1"},
			{q: "a.example AAAA", want: "NOERROR | a.example. 300 AAAA 2001:db8::1", asked: "up 2"},
		}},
		{id: "C1", name: "a least TTL above that of the answer", yaml: off + `cache: {min_ttl: 10m}`, up: up, steps: []step{
			{q: "a.example A", want: "NOERROR | a.example. 600 A 192.0.2.1"},
			{q: "a.example AAAA", want: "NOERROR | a.example. 600 AAAA 2001:db8::1"},
			{q: "a.example AAAA", want: "NOERROR | a.example. ~600 AAAA 2001:db8::1", log: "CACHED | CACHED", asked: "up 2"},
		}},
		{id: "C1", name: "a least TTL below that of the answer", yaml: off + `cache: {min_ttl: 1m}`, up: up, steps: []step{
			{q: "a.example A", want: "NOERROR | a.example. 300 A 192.0.2.1"},
			{q: "a.example AAAA", want: "NOERROR | a.example. 300 AAAA 2001:db8::1"},
		}},
		{id: "C1", name: "a longest TTL below that of the answer", yaml: off + `cache: {max_ttl: 1m}`, up: up, steps: []step{
			{q: "a.example A", want: "NOERROR | a.example. 60 A 192.0.2.1"},
			{q: "a.example A", want: "NOERROR | a.example. ~60 A 192.0.2.1", log: "CACHED | CACHED"},
		}},
		{id: "C1", name: "a least TTL lets an answer of 0 s be kept", yaml: off + `cache: {min_ttl: 1m}`, up: up, steps: []step{
			{q: "zero.example A", want: "NOERROR | zero.example. 60 A 93.184.216.5"},
			{q: "zero.example A", want: "NOERROR | zero.example. ~60 A 93.184.216.5", asked: "up 1"},
		}},
		// blocky turns the cache off with a negative maximum.
		{id: "C1", name: "no cache", yaml: off + `cache: {size_mb: 0}`, up: up, steps: []step{
			{q: "a.example A", want: "NOERROR | a.example. 300 A 192.0.2.1", asked: "up 1"},
			{q: "a.example A", want: "NOERROR | a.example. 300 A 192.0.2.1", log: "RESOLVED | RESOLVED (udp://$up)", asked: "up 2"},
		}},
		// The records of one set have one TTL, the lowest (RFC 2181 section 5.2); blocky
		// lets each keep its own.
		{id: "C1", name: "several records have the lowest TTL of their set, each set its own", up: up, steps: []step{
			{q: "alias.example A", want: "NOERROR | alias.example. 1200 CNAME two.example. | two.example. 200 A 93.184.216.1 | two.example. 200 A 93.184.216.2"},
			{q: "alias.example A", want: "NOERROR | alias.example. ~1200 CNAME two.example. | two.example. ~200 A 93.184.216.1 | two.example. ~200 A 93.184.216.2", asked: "up 1"},
		}},
		{id: "C1", name: "an answer of 0 s is not kept", up: up, steps: []step{
			{q: "zero.example A", want: "NOERROR | zero.example. 0 A 93.184.216.5", asked: "up 1"},
			{q: "zero.example A", want: "NOERROR | zero.example. 0 A 93.184.216.5", asked: "up 2"},
		}},
		// RFC 2181 section 8: a TTL with the highest bit set is 0. RFC 8767 section 4: a
		// week at most.
		{id: "C1", name: "TTLs that are a mistake", up: up, steps: []step{
			{q: "huge.example A", want: "NOERROR | huge.example. 0 A 93.184.216.6"},
			{q: "long.example A", want: "NOERROR | long.example. 604800 A 93.184.216.7"},
		}},
		// Whole seconds count, so that an answer of 3 s lives for 2 at least.
		{id: "C2", name: "a TTL counts down and an answer ends with it", up: up, steps: []step{
			{q: "soon.example A", want: "NOERROR | soon.example. 3 A 93.184.216.4"},
			{do: pass(1010 * time.Millisecond), q: "soon.example A", want: "any", log: "CACHED | CACHED", check: func(r *reply) {
				if len(r.Answer) != 1 || r.Answer[0].Header().Ttl < 1 || r.Answer[0].Header().Ttl > 2 {
					r.errorf("the answer is %s; want one record with a TTL of 1 or 2", r.describe())
				}
			}},
			{do: pass(2 * time.Second), q: "soon.example A", want: "NOERROR | soon.example. 3 A 93.184.216.4", log: "RESOLVED | RESOLVED (udp://$up)", asked: "up 2"},
		}},
	}
}

// negativeRows hold how long it is believed that there is nothing.
func negativeRows() []row {
	soa := func(ttl, minimum string) map[string]script {
		return map[string]script{"up": dnstest.Zone(". " + ttl + " IN SOA a. b. 1 2 3 4 " + minimum + "\nwww.example. 300 IN A 93.184.216.34\n")}
	}
	bare := map[string]script{"up": dnstest.Shape(dnstest.Zone("www.example. 300 IN A 93.184.216.34"), func(_, a *dns.Msg) { a.Ns = nil })}
	return []row{
		// blocky keeps both for a time of its own and does not look at the SOA.
		{id: "C3", name: "NXDOMAIN for as long as the minimum of the SOA says", up: soa("900", "120"), steps: []step{
			{q: "none.example A", want: "NXDOMAIN | SOA 120", log: "RESOLVED | RESOLVED (udp://$up)"},
			{q: "none.example A", want: "NXDOMAIN | SOA ~120", log: "CACHED | CACHED NEGATIVE", asked: "up 1"},
		}},
		{id: "C3", name: "no data for as long as the TTL of the SOA says", up: soa("100", "3600"), steps: []step{
			{q: "www.example TXT", want: "NOERROR | SOA 100"},
			{q: "www.example TXT", want: "NOERROR | SOA ~100", log: "CACHED | CACHED NEGATIVE", asked: "up 1"},
		}},
		{id: "C3", name: "no longer than the configuration allows", yaml: `cache: {max_negative_ttl: 1m}`, up: soa("86400", "86400"), steps: []step{
			{q: "none.example A", want: "NXDOMAIN | SOA 60"},
			{q: "none.example A", want: "NXDOMAIN | SOA ~60", asked: "up 1"},
		}},
		{id: "C3", name: "not at all where the configuration says so", yaml: `cache: {max_negative_ttl: 0s}`, up: soa("900", "900"), steps: []step{
			{q: "none.example A", want: "NXDOMAIN | SOA 0", asked: "up 1"},
			{q: "none.example A", want: "NXDOMAIN | SOA 0", log: "RESOLVED | RESOLVED (udp://$up)", asked: "up 2"},
		}},
		{id: "C3", name: "not at all without a SOA", up: bare, steps: []step{
			{q: "none.example A", want: "NXDOMAIN", asked: "up 1"},
			{q: "none.example A", want: "NXDOMAIN", log: "RESOLVED | RESOLVED (udp://$up)", asked: "up 2"},
		}},
		{id: "C3", name: "one type that is absent says nothing of another", up: soa("900", "120"), steps: []step{
			{q: "www.example TXT", want: "NOERROR | SOA 120"},
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", asked: "up 2"},
		}},
		{id: "C3", name: "an alias of a name that does not exist keeps its alias", up: map[string]script{
			"up": dnstest.Zone(". 900 IN SOA a. b. 1 2 3 4 120\nalias.example. 300 IN CNAME none.example.\n")}, steps: []step{
			{q: "alias.example A", want: "NXDOMAIN | alias.example. 120 CNAME none.example. | SOA 120"},
			{q: "alias.example A", want: "NXDOMAIN | alias.example. ~120 CNAME none.example. | SOA ~120", log: "CACHED | CACHED NEGATIVE", asked: "up 1"},
		}},
	}
}
