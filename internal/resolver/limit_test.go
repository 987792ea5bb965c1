package resolver_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// rateRows hold how many queries a client may send.
func rateRows() []row {
	const one = "limits: {queries_per_second_per_qube: 1, burst_per_qube: 1}"
	const good = "NOERROR | www.example. ~300 A 93.184.216.34"
	logged := func(t testing.TB, w *world) { // once a second, for all of the second
		t.Helper()
		e := w.entry(t)
		if e.Action != dnsevent.Dropped || e.Match != dnsevent.MatchRate || e.Count != 1 || w.Stats().OverRate != 1 {
			t.Errorf("the log has %v (%v) of %d queries, the counter says %d; want one query that was over the rate", e.Action, e.Match, e.Count, w.Stats().OverRate)
		}
	}
	return []row{
		{id: "P6", name: "the second query at once is dropped, a later one is not", yaml: one, steps: []step{
			{from: "kiosk", q: "www.example A", want: good},
			{from: "kiosk", q: "www.example A +soon", want: "silence", log: "none"},
			{do: logged},
			{do: pass(1100 * time.Millisecond), from: "kiosk", q: "www.example A", want: good},
		}},
		{id: "P6", name: "each client has its own rate", yaml: one, steps: []step{
			{from: "kiosk", q: "www.example A", want: good},
			{from: "work-web", q: "www.example A", want: good},
			{from: "127.43.0.9", q: "www.example A", want: good},
		}},
		{id: "P6", name: "TCP and UDP count together", yaml: one, steps: []step{
			{from: "kiosk", q: "www.example A +tcp", want: good},
			{from: "kiosk", q: "www.example A +soon", want: "silence", log: "none"},
		}},
		{id: "P6", name: "a burst", yaml: "limits: {queries_per_second_per_qube: 1, burst_per_qube: 3}", steps: []step{
			{q: "www.example A", want: good}, {q: "www.example A", want: good}, {q: "www.example A", want: good},
			{q: "www.example A +soon", want: "silence", log: "none"},
		}},
		{id: "P6", name: "no limit", yaml: "limits: {queries_per_second_per_qube: 0, burst_per_qube: 0}", steps: []step{
			{do: many(100), q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
		}},
		{id: "P6", name: "clients that are never limited", skip: "there is no list of them: the limit is one client's own, and no other's queries use it up"},
		{id: "P6", name: "a rate below 0 is refused", yaml: "limits: {queries_per_second_per_qube: -1}", fails: "limits.queries_per_second_per_qube: -1 is below 0"},
	}
}

// rebindingRows hold that public names do not lead into private networks.
func rebindingRows() []row {
	up := map[string]script{
		"up": dnstest.Zone(world0 + `
v4.example. 300 IN A 192.168.1.1
v6.example. 300 IN AAAA fd00::1
ten.example. 300 IN A 10.0.0.1
local.example. 300 IN A 127.0.0.1
link.example. 300 IN A 169.254.1.1
zero.example. 300 IN A 0.0.0.0
mapped.example. 300 IN AAAA ::ffff:192.168.1.1
nat64.example. 300 IN AAAA 64:ff9b::c0a8:101
carrier.example. 300 IN A 100.64.0.1
mixed.example. 300 IN A 93.184.216.40
mixed.example. 300 IN A 192.168.1.1
alias.example. 300 IN CNAME v4.example.
hint.example. 300 IN HTTPS 1 . ipv4hint=192.168.1.1
plex.direct. 300 IN A 192.168.1.2
a.b.plex.direct. 300 IN A 192.168.1.3
xplex.direct. 300 IN A 192.168.1.4
`),
		"corp": dnstest.Zone("nas.corp.example. 300 IN A 192.168.1.5"),
	}
	const gone = "NOERROR | SOA 600 | EDE 15"
	taken := row{id: "P7", name: "private addresses of every kind", up: up}
	for _, q := range []string{"v4.example A", "v6.example AAAA", "ten.example A", "local.example A", "link.example A", "zero.example A",
		"mapped.example AAAA", "nat64.example AAAA", "carrier.example A", "mixed.example A", "alias.example A", "hint.example HTTPS"} {
		taken.steps = append(taken.steps, step{q: q, want: gone}, step{q: q, want: gone})
	}
	taken.steps[0].log, taken.steps[1].log = "REBIND | REBINDING (192.168.1.1)", "REBIND | REBINDING (192.168.1.1)"
	return []row{
		taken,
		{id: "P7", name: "off where that is wanted", yaml: "rebinding: {enabled: false}", up: up, steps: []step{
			{q: "v4.example A", want: "NOERROR | v4.example. 300 A 192.168.1.1"},
			{q: "hint.example HTTPS", want: `NOERROR | hint.example. 300 HTTPS 1 . ipv4hint="192.168.1.1"`},
		}},
		{id: "P7", name: "off for one qube, not for others, from the cache neither", yaml: "policies: [{qubes: [kiosk], rebinding: false}]", up: up, steps: []step{
			{from: "kiosk", q: "v6.example AAAA", want: "NOERROR | v6.example. 300 AAAA fd00::1"},
			{q: "v6.example AAAA", want: gone, log: "REBIND | REBINDING (fd00::1)", asked: "up 1"},
			{from: "kiosk", q: "v6.example AAAA", want: "NOERROR | v6.example. ~300 AAAA fd00::1", log: "CACHED | CACHED", asked: "up 1"},
		}},
		{id: "P7", name: "names that may, and those below them", yaml: `rebinding: {allow: [Plex.direct]}`, up: up, steps: []step{
			{q: "plex.direct A", want: "NOERROR | plex.direct. 300 A 192.168.1.2"},
			{q: "A.b.PLEX.direct A", want: "NOERROR | A.b.PLEX.direct. 300 A 192.168.1.3"},
			{q: "a.b.plex.direct A", want: "NOERROR | a.b.plex.direct. ~300 A 192.168.1.3", log: "CACHED | CACHED"},
			{q: "xplex.direct A", want: gone},
		}},
		{id: "P7", name: "zones with upstreams of their own may", yaml: `zones: [{names: [corp.example], servers: ["udp://$corp"]}]`, up: up, steps: []step{
			{q: "nas.corp.example A", want: "NOERROR | nas.corp.example. 300 A 192.168.1.5"},
			{q: "nas.corp.example A", want: "NOERROR | nas.corp.example. ~300 A 192.168.1.5", log: "CACHED | CACHED"},
		}},
		{id: "P7", name: "records of the configuration may", yaml: `records: [{name: nas.example, addresses: [192.168.1.6]}]`, steps: []step{
			{q: "nas.example A", want: "NOERROR | nas.example. 3600 A 192.168.1.6 | EDE 4"},
		}},
		{id: "P7", name: "a list that allows a name does not let it in", yaml: `lists: {only: {allow: ["v4.example\n"]}}`, up: up, steps: []step{
			{q: "v4.example A", want: gone}, {q: "v4.example A", want: gone},
		}},
	}
}
