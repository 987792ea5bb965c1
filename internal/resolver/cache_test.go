package resolver_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// cacheRows hold what is kept, and for whom.
func cacheRows() []row {
	return append(negativeRows(), keptRows()...)
}

func keptRows() []row {
	signed := dnstest.Zone(world0)
	withSignatures := map[string]script{"up": dnstest.Shape(signed, func(q, a *dns.Msg) {
		a.AuthenticatedData = true
		if o := q.IsEdns0(); o != nil && o.Do() && len(a.Answer) > 0 {
			rr, _ := dns.NewRR("www.example. 300 IN RRSIG A 8 2 300 20300101000000 20200101000000 1 example. AAAA")
			a.Answer = append(a.Answer, rr)
		}
		a.SetEdns0(1232, false)
		a.IsEdns0().Option = append(a.IsEdns0().Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6162"})
	})}
	const plain, signature = "www.example. ~300 A 93.184.216.34", "www.example. ~300 RRSIG A 8 2 300 20300101000000 20200101000000 1 example. AAAA"
	return []row{
		{id: "C4", name: "other types than addresses are kept", steps: []step{
			{q: "www.example MX", want: "NOERROR | www.example. 300 MX 10 mail.example."},
			{q: "www.example MX", want: "NOERROR | www.example. ~300 MX 10 mail.example.", log: "CACHED | CACHED", asked: "up 1"},
			{q: "www.example TXT", want: `NOERROR | www.example. 300 TXT "hello"`},
			{q: "www.example TXT", want: `NOERROR | www.example. ~300 TXT "hello"`, log: "CACHED | CACHED", asked: "up 2"},
		}},
		{id: "C4", name: "what was cut off is not kept, the whole is", up: map[string]script{"up": dnstest.Truncate(dnstest.Zone(world0))}, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", asked: "up 2"},
			{q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 2"},
		}},
		// blocky keeps no answer with CD, and one answer for those with DO and those
		// without.
		{id: "C4", name: "unchecked answers are for those who ask for them", up: withSignatures, steps: []step{
			{q: "www.example A +cd", want: "NOERROR | " + plain, asked: "up 1"},
			{q: "www.example A", want: "NOERROR | " + plain, asked: "up 2"},
			{q: "www.example A +cd", want: "NOERROR | " + plain, log: "CACHED | CACHED", asked: "up 2"},
		}},
		{id: "C4", name: "signatures are for those who ask for them", up: withSignatures, steps: []step{
			{q: "www.example A", want: "NOERROR | " + plain, asked: "up 1"},
			{q: "www.example A +do", want: "NOERROR | " + plain + " | " + signature, asked: "up 2"},
			{q: "www.example A", want: "NOERROR | " + plain, log: "CACHED | CACHED", asked: "up 2"},
			{q: "www.example A +do", want: "NOERROR | " + plain + " | " + signature, log: "CACHED | CACHED", asked: "up 2"},
		}},
		// Who is on the way could have set the flag (RFC 6840 section 5.8).
		{id: "C4", name: "that an answer is authentic is not believed over UDP", up: withSignatures, steps: []step{
			{q: "www.example A +ad", want: "NOERROR | " + plain}, {q: "www.example A +ad", want: "NOERROR | " + plain, log: "CACHED | CACHED"},
		}},
		{id: "C4", name: "that an answer is authentic is not believed over TCP", yaml: `upstreams: {default: ["tcp://$up"]}`, up: withSignatures, steps: []step{
			{q: "www.example A +ad", want: "NOERROR | " + plain},
		}},
		{id: "C4", name: "that an answer is authentic is not believed where UDP was cut off", up: map[string]script{"up": dnstest.Truncate(withSignatures["up"])}, steps: []step{
			{q: "www.example A +ad", want: "NOERROR | " + plain},
		}},
		{id: "C4", name: "the AD bit is trusted over TLS, and set for clients that ask for it", yaml: `
ca_file: "$CA"
upstreams: {default: ["tls://$dot#dns.example"]}`, servers: map[string]server{"dot": dot(withSignatures["up"], trust().server, trust().middle)}, steps: []step{
			{q: "www.example A", want: "NOERROR | " + plain},
			{q: "www.example A +ad", want: "NOERROR | AD | " + plain, log: "CACHED | CACHED"},
			{q: "www.example A +do", want: "NOERROR | AD | " + plain + " | " + signature},
			{q: "www.example A +do", want: "NOERROR | AD | " + plain + " | " + signature, log: "CACHED | CACHED"},
		}},
		{id: "C4", name: "EDNS of an upstream ends at us", up: withSignatures, steps: []step{
			{q: "www.example A +noedns", want: "NOERROR | " + plain, check: optionless},
			{q: "www.example A", want: "NOERROR | " + plain, log: "CACHED | CACHED", check: optionless},
			{q: "www.example A +noedns", want: "NOERROR | " + plain, log: "CACHED | CACHED", check: optionless},
		}},
		{id: "C4", name: "groups of upstreams do not share answers", yaml: `
upstreams: {default: ["udp://$up"], vpn: ["udp://$vpn"]}
policies: [{qubes: [kiosk], upstream: vpn}]`, up: map[string]script{"vpn": dnstest.Zone("www.example. 300 IN A 198.51.101.1")}, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 198.51.101.1", log: "RESOLVED | RESOLVED (udp://$vpn)"},
			{q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED"},
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. ~300 A 198.51.101.1", log: "CACHED | CACHED"},
		}},
		{id: "C4", name: "isolated qubes do not share answers", yaml: `policies: [{qubes: ["work-*"], isolate: true}]`, steps: []step{
			{from: "work-mail", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", asked: "up 1"},
			{from: "work-web", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", asked: "up 2"},
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", asked: "up 3"},
			{from: "untrusted", q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 3"},
			{from: "work-web", q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 3"},
		}},
		{id: "C5", name: "an answer in use is renewed before it ends", up: map[string]script{"up": dnstest.Zone("busy.example. 30 IN A 93.184.216.34")}, steps: []step{
			{q: "busy.example A", want: "NOERROR | busy.example. 30 A 93.184.216.34"},
			{q: "busy.example A", want: "NOERROR | busy.example. ~30 A 93.184.216.34"},
			{q: "busy.example A", want: "NOERROR | busy.example. ~30 A 93.184.216.34", asked: "up 1"},
			{do: prefetched, q: "busy.example A", want: "NOERROR | busy.example. ~30 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 2"},
		}},
		{id: "C5", name: "names that are not kept", skip: "there is no list of names to leave out of the cache: a TTL of 0 or a zone of one's own is the way to keep a name fresh"},
		// blocky bounds the entries, and by default does not.
		{id: "C5", name: "the cache is bounded by its bytes", yaml: `cache: {size_mb: 4097}`, fails: "cache.size_mb: 4097 is not within 0 and 4096"},
	}
}

// optionless holds that an answer has no option of somebody else's, and EDNS only
// where the query has.
func optionless(r *reply) {
	r.t.Helper()
	o := r.IsEdns0()
	if (o != nil) != (r.query.msg.IsEdns0() != nil) {
		r.errorf("the answer has EDNS: %v; want what the query has", o != nil)
	}
	if o != nil && len(o.Option) > 0 {
		r.errorf("the answer has the options %v; want none", o.Option)
	}
}

// prefetched lets an answer of 30 s come into its last tenth and holds that it is
// renewed then, while clients get the old one. The cache counts whole seconds: one
// may pass by the clock during the test.
func prefetched(t testing.TB, w *world) {
	t.Helper()
	w.clock.advance(28 * time.Second)
	r := w.ask(t.(*testing.T), "busy.example A", &step{q: "busy.example A"})
	if e := w.entry(t); r.Rcode != 0 || e.Action != dnsevent.Cached || w.Stats().Prefetched != 1 {
		t.Errorf("a client waited for the answer, or it is not renewed: %s", e.Reason(e.Name))
	}
	dnstest.Until(t, "the new answer is there", func() bool { return w.Stats().Cache.Stored >= 2 })
}
