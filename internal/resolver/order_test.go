package resolver_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// many asks for n names that do not exist, one after the other.
func many(n int) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		for i := range n {
			q := fmt.Sprintf("n%d.example A", i)
			if got := w.ask(t.(*testing.T), q, &step{q: q}).describe(); got != "NXDOMAIN | SOA 60" {
				t.Errorf("%s: the answer is %s", q, got)
			}
			w.entry(t)
		}
	}
}

// between holds that an upstream was asked so many times.
func between(name string, least, most int) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		if n := w.ups[name].Asked(); n < least || n > most {
			t.Errorf("the upstream %s was asked %d times; want %d to %d", name, n, least, most)
		}
	}
}

// orderRows hold which upstream of a group is asked.
func orderRows() []row {
	yaml := func(strategy string, more ...string) string {
		s := "strategy: " + strategy + "\nupstreams: {default: [\"udp://$up\""
		for _, m := range more {
			s += `, "udp://$` + m + `"`
		}
		return s + "]}"
	}
	const late = "timeout: 2s\n" // for what does not answer, and for the next one to do so
	two := func(a, b script) map[string]script { return map[string]script{"up": a, "other": b} }
	fail := dnstest.Code(dns.RcodeServerFailure)
	never, failed, ignored := dnstest.NewGate(), dnstest.NewGate(), dnstest.NewGate()
	const good, bad = "NOERROR | www.example. 300 A 93.184.216.34", "SERVFAIL | EDE 22"
	const byUp, byOther = "RESOLVED | RESOLVED (udp://$up)", "RESOLVED | RESOLVED (udp://$other)"
	return []row{
		{id: "U4", name: "the faster one counts", yaml: yaml("parallel_best", "other"), up: two(never.Hold(dnstest.Zone(world0)), dnstest.Zone(world0)), steps: []step{
			{q: "www.example A", want: good, log: byOther},
		}},
		{id: "U4", name: "a slow answer is better than a fast error", yaml: yaml("parallel_best", "other"), up: two(failed.After(fail), failed.Hold(dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, log: byOther},
		}},
		{id: "U4", name: "a slow answer is better than none", yaml: yaml("parallel_best", "other"), up: two(ignored.After(dnstest.Silent), ignored.Hold(dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, log: byOther},
		}},
		{id: "U4", name: "a fast NXDOMAIN is an answer", yaml: yaml("parallel_best", "other"), up: two(dnstest.Zone("x. 300 IN A 192.0.2.1"), never.Hold(dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: "NXDOMAIN | SOA 60", log: byUp},
		}},
		{id: "U4", name: "all fail", yaml: yaml("parallel_best", "other"), up: two(fail, fail), steps: []step{
			{q: "www.example A", want: bad},
		}},
		{id: "U4", name: "only one there is", yaml: yaml("parallel_best"), steps: []step{
			{q: "www.example A", want: good, log: byUp, asked: "up 1"},
		}},
		{id: "U4", name: "no more than two are asked at once", yaml: yaml("parallel_best", "other", "third"),
			up: map[string]script{"other": dnstest.Zone(world0), "third": dnstest.Zone(world0)}, steps: []step{
				{do: many(20), q: "www.example A", want: good},
				{do: func(t testing.TB, w *world) {
					t.Helper()
					n := w.ups["up"].Asked() + w.ups["other"].Asked() + w.ups["third"].Asked()
					if n > 42 {
						t.Errorf("the upstreams were asked %d times for 21 queries; want two for each", n)
					}
				}},
			}},
		// blocky's weights: 60, and after an error one for each minute since.
		{id: "U4", name: "one that has failed is asked seldom", yaml: yaml("parallel_best", "other", "third"),
			up: map[string]script{"other": dnstest.Zone(world0), "third": fail}, steps: []step{
				{do: many(60)},
				{do: between("third", 0, 20)},
				{do: between("other", 30, 60)},
			}},
		{id: "U5", name: "the first one is asked first", yaml: yaml("strict", "other"), up: two(dnstest.Zone(world0), dnstest.Zone(world0)), steps: []step{
			{q: "www.example A", want: good, log: byUp, asked: "up 1, other 0"},
			{do: many(10)},
			{do: between("other", 0, 0)},
		}},
		{id: "U5", name: "the first one does not answer in time", yaml: late + yaml("strict", "other"), up: two(dnstest.Silent, dnstest.Zone(world0)), steps: []step{
			{q: "www.example A", want: good, log: byOther, asked: "other 1"},
		}},
		{id: "U5", name: "the first one fails", yaml: yaml("strict", "other"), up: two(fail, dnstest.Zone(world0)), steps: []step{
			{q: "www.example A", want: good, log: byOther, asked: "up 1, other 1"},
		}},
		{id: "U5", name: "none works", yaml: yaml("strict", "other"), up: two(fail, fail), steps: []step{
			{q: "www.example A", want: bad, asked: "up 2, other 1"},
		}},
		{id: "U6", name: "either is asked", yaml: yaml("random", "other"), up: two(dnstest.Zone(world0), dnstest.Zone(world0)), steps: []step{
			{do: many(40)},
			{do: between("up", 1, 39)},
			{do: between("other", 1, 39)},
		}},
		{id: "U6", name: "one does not answer in time, the other does", yaml: late + yaml("random", "other"), up: two(dnstest.Silent, dnstest.Zone(world0)), steps: []step{
			{q: "www.example A", want: good, log: byOther},
		}},
		{id: "U6", name: "one fails, the other answers", yaml: yaml("random", "other"), up: two(fail, dnstest.Zone(world0)), steps: []step{
			{q: "www.example A", want: good, log: byOther},
		}},
		{id: "U6", name: "none works", yaml: yaml("random", "other"), up: two(fail, fail), steps: []step{
			{q: "www.example A", want: bad},
		}},
		{id: "U6", name: "an unknown strategy is refused", yaml: `strategy: fastest`, fails: `strategy: "fastest" is not known`},
	}
}

// treeRows hold which group of upstreams a client has. Where blocky takes any of
// several that match, and warns, the first rule that is written counts here.
func treeRows() []row {
	const groups = `upstreams: {default: ["udp://$up"], a: ["udp://$a"], b: ["udp://$b"]}` + "\n"
	up := map[string]script{"a": dnstest.Zone("www.example. 300 IN A 198.18.0.1"), "b": dnstest.Zone("www.example. 300 IN A 198.18.0.2")}
	const main, a, b = "NOERROR | www.example. ~300 A 93.184.216.34", "NOERROR | www.example. ~300 A 198.18.0.1", "NOERROR | www.example. ~300 A 198.18.0.2"
	one := func(name, rules string, steps ...step) row {
		for i := range steps {
			steps[i].q = "www.example A"
		}
		return row{id: "U7", name: name, yaml: groups + "policies: [" + rules + "]", up: up, steps: steps}
	}
	return []row{
		one("default", `{qubes: [kiosk], upstream: a}`, step{from: "work-mail", want: main}, step{from: "127.43.0.9", want: main}),
		one("a name", `{qubes: [kiosk], upstream: a}`, step{from: "kiosk", want: a}),
		one("a pattern with a star", `{qubes: ["work-*"], upstream: a}`, step{from: "work-web", want: a}, step{from: "kiosk", want: main}),
		one("a pattern with a range", `{qubes: ["host[0-6]"], upstream: a}, {qubes: ["host[a-z0-9]"], upstream: b}`, step{from: "host7", want: b}),
		one("an address", `{addresses: [127.43.0.9], upstream: a}`, step{from: "127.43.0.9", want: a}, step{from: "127.43.0.8", want: main}),
		one("a name that looks like an address is none", `{qubes: ["127.43.0.*"], upstream: a}`, step{from: "127.43.0.9", want: main}),
		one("the ends of a network", `{addresses: [127.43.8.64/28], upstream: a}`, step{from: "127.43.8.63", want: main},
			step{from: "127.43.8.64", want: a}, step{from: "127.43.8.79", want: a}, step{from: "127.43.8.80", want: main}),
		one("an address before a name, as written", `{addresses: [127.10.0.4], upstream: a}, {qubes: [kiosk], upstream: b}`, step{from: "kiosk", want: a}),
		one("a name before an address, as written", `{qubes: [kiosk], upstream: b}, {addresses: [127.10.0.4], upstream: a}`, step{from: "kiosk", want: b}),
		one("a network before a name, as written", `{addresses: [127.10.0.0/24], upstream: a}, {qubes: [kiosk], upstream: b}`, step{from: "kiosk", want: a}),
		one("the first rule that names a group counts", `{qubes: [kiosk], no_types: [MX]}, {tags: [kiosk], upstream: b}, {labels: [orange], upstream: a}`,
			step{from: "kiosk", want: b}),
		one("a rule without qubes is for the others", `{upstream: b}, {qubes: [kiosk], upstream: a}`, step{from: "kiosk", want: a}, step{from: "work-web", want: b}),
		{id: "U7", name: "a group that is not there is refused", yaml: groups + `policies: [{upstream: c}]`, fails: `there is no group of upstreams "c"`},
		{id: "U7", name: "a group without a server is refused", yaml: `upstreams: {default: ["udp://$up"], c: []}`, fails: "upstreams.c: no server"},
	}
}
