package resolver_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// chainRows hold that the parts work together, in blocky's order: filters, own
// records, hosts, zones and special names, lists, cache, upstreams.
func chainRows() []row {
	const everything = `
upstreams: {default: ["udp://$up"]}
no_types: [TXT]
records: [{name: own.bad.example, addresses: [10.1.2.3]}, {name: both.example, addresses: [10.1.2.4]}, {name: special.localhost, addresses: [10.1.2.5]}]
hosts_files: ["$DIR/hosts"]
zones: [{names: [corp.example, zone.localhost], servers: ["udp://$corp"]}]
lists: {ads: {deny: ["*.bad.example\nbad.example\nhost.example\n*.corp.example\nx.invalid\n"], allow: ["nice.corp.example\n"]}}
`
	up := map[string]script{"up": dnstest.Zone(world0), "corp": dnstest.Zone("nice.corp.example. 300 IN A 10.9.0.1\na.zone.localhost. 300 IN A 10.9.0.2\n")}
	one := func(name string, steps ...step) row {
		return row{id: "I1", name: name, yaml: everything, up: up, files: map[string]string{"hosts": "10.1.2.9 host.example both.example\n"}, steps: steps}
	}
	return append([]row{
		one("filters before records", step{q: "own.bad.example TXT", want: "NOERROR | SOA 600 | EDE 17", log: "FILTERED | FILTERED (qtype)"}),
		one("records before lists", step{q: "own.bad.example A", want: "NOERROR | own.bad.example. 3600 A 10.1.2.3 | EDE 4", log: "CUSTOMDNS | CUSTOM DNS"}),
		one("hosts before lists", step{q: "host.example A", want: "NOERROR | host.example. 3600 A 10.1.2.9 | EDE 4", log: "HOSTSFILE | HOSTS FILE"}),
		one("records before names of special use", step{q: "special.localhost A", want: "NOERROR | special.localhost. 3600 A 10.1.2.5 | EDE 4"}),
		one("zones before names of special use", step{q: "a.zone.localhost A", want: "NOERROR | a.zone.localhost. 300 A 10.9.0.2", log: "CONDITIONAL | CONDITIONAL"}),
		one("names of special use before lists", step{q: "x.invalid A", want: "NXDOMAIN | SOA 3600 | EDE 29", log: "SPECIAL | Special-Use Domain Name"}),
		one("lists before zones", step{q: "x.corp.example A", want: "NOERROR | x.corp.example. 600 A 0.0.0.0 | EDE 15", asked: "corp 0"},
			step{q: "nice.corp.example A", want: "NOERROR | nice.corp.example. 300 A 10.9.0.1", log: "CONDITIONAL | CONDITIONAL"}),
		one("lists before the cache", step{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			step{do: pause(nil, "", 0, ""), q: "bad.example A", want: "NOERROR | bad.example. 300 A 93.184.216.66"},
			step{do: unpause, q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
			step{q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 2"}),
	}, append(edgeRows(), againRows()...)...)
}

// longTimeoutYAML lets an upstream take its time: the second one is asked only if
// the first fails.
const longTimeoutYAML = `{strategy: strict, upstreams: {default: ["udp://$up", "udp://$up"]}}`

// edgeRows hold what odd names and many clients at once come to.
func edgeRows() []row {
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5) + "aaa" // 255 bytes in wire form, with the root
	label := strings.Repeat("b", 63) + ".example"
	up := map[string]script{"up": dnstest.Zone(long + ". 300 IN A 93.184.216.1\n" + label + ". 300 IN A 93.184.216.2\na.b.c.example. 300 IN A 93.184.216.3\n. 300 IN NS a.root.\n" +
		`dotted\.label.example. 300 IN A 93.184.216.4` + "\n_service._tcp.example. 300 IN SRV 0 0 1 x.example.\n")}
	const two = `lists: {ads: {deny: ["label.example\n"]}}`
	slow := dnstest.NewGate()
	return []row{
		{id: "I2", name: "the longest name and the longest label", up: up, steps: []step{
			{q: long + " A", want: "NOERROR | " + long + ". 300 A 93.184.216.1"},
			{q: label + " A", want: "NOERROR | " + label + ". 300 A 93.184.216.2"},
			{q: long + " A", want: "NOERROR | " + long + ". ~300 A 93.184.216.1", log: "CACHED | CACHED"},
		}},
		{id: "I2", name: "the root", up: up, steps: []step{
			{q: ". NS", want: "NOERROR | . 300 NS a.root."}, {q: ". NS", want: "NOERROR | . ~300 NS a.root.", log: "CACHED | CACHED"},
		}},
		{id: "I2", name: "a dot within a label is no end of it", yaml: two, up: up, steps: []step{
			{q: `dotted\.label.example A`, want: `NOERROR | dotted\.label.example. 300 A 93.184.216.4`},
			{q: "label.example A", want: "NOERROR | label.example. 600 A 0.0.0.0 | EDE 15"},
		}},
		{id: "I2", name: "underscores and types that are forwarded as they are", up: up, steps: []step{
			{q: "_service._tcp.example SRV", want: "NOERROR | _service._tcp.example. 300 SRV 0 0 1 x.example."},
			{q: "a.b.c.example TYPE65280", want: "NOERROR | SOA 60"},
		}},
		{id: "I2", name: "many who ask the same at once are one query", yaml: longTimeoutYAML, up: map[string]script{"up": slow.Hold(dnstest.Zone(world0))}, steps: []step{
			{do: func(t testing.TB, w *world) {
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						if got := w.ask(t.(*testing.T), "www.example A", &step{q: "www.example A"}).describe(); !alike(got, "NOERROR | www.example. ~300 A 93.184.216.34") {
							t.Errorf("the answer is %s", got)
						}
					})
				}
				dnstest.Until(t, "all of them wait", func() bool { return w.Stats().Joined == 19 })
				slow.Open()
				all.Wait()
				if n := w.ups["up"].Asked(); n != 1 {
					t.Errorf("the upstream was asked %d times; want once", n)
				}
			}},
		}},
		{id: "I2", name: "a chain of aliases that never ends is an error",
			up: map[string]script{"up": dnstest.Zone("a.example. 300 IN CNAME b.example.\nb.example. 300 IN CNAME a.example.\n")}, steps: []step{
				{q: "a.example A", want: "SERVFAIL | EDE 22"},
			}},
		{id: "I2", name: "records that were not asked for are left out", up: map[string]script{"up": dnstest.Shape(dnstest.Zone(world0), func(q, a *dns.Msg) {
			if q.Question[0].Name == "bank.example." {
				return
			}
			rr, _ := dns.NewRR("bank.example. 300 IN A 203.0.113.66")
			a.Answer, a.Extra = append(a.Answer, rr), append(a.Extra, rr)
		})}, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", check: optionless},
			{q: "bank.example A", want: "NXDOMAIN | SOA 60"},
		}},
	}
}

// againRows hold what is left when the upstreams are gone, and when they come back.
func againRows() []row {
	return []row{
		{id: "I3", name: "what is known stays, what is not fails", yaml: `lists: {ads: {deny: ["bad.example\n"]}}`, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{q: "none.example A", want: "NXDOMAIN | SOA 60"},
			{do: gone, q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED"},
			{q: "none.example A", want: "NXDOMAIN | SOA ~60", log: "CACHED | CACHED NEGATIVE"},
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{q: "localhost A", want: "NOERROR | localhost. 3600 A 127.0.0.1 | EDE 29"},
			{q: "other.example A", want: "SERVFAIL | EDE 22"},
		}},
		{id: "I3", name: "the proof for those who want it stays, too", steps: []step{
			{q: "www.example A +do", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{do: gone, q: "www.example A +do", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED"},
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
		}},
		{id: "I3", name: "past its time it fails by default", up: map[string]script{"up": dnstest.Zone("short.example. 1 IN A 93.184.216.34")}, steps: []step{
			{q: "short.example A", want: "NOERROR | short.example. 1 A 93.184.216.34"},
			{do: all(gone, pass(1200*time.Millisecond)), q: "short.example A", want: "SERVFAIL | EDE 22"},
		}},
		{id: "I3", name: "with the upstreams the answers come back", up: map[string]script{"up": dnstest.Code(dns.RcodeServerFailure)}, steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
			{do: become("up", dnstest.Zone(world0)), q: "other.example A", want: "NOERROR | other.example. 300 A 93.184.216.35"},
		}},
	}
}
