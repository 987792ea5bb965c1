package resolver_test

import (
	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// zoneRows hold which names have upstreams of their own.
func zoneRows() []row {
	const zones = `
zones:
- {names: [corp.example, lan], servers: ["udp://$corp"]}
- {names: [deep.corp.example], servers: ["udp://$deep"]}
- {names: ["."], servers: ["udp://$single"]}
`
	up := map[string]script{
		"up": dnstest.Zone(world0 + "bank.example. 300 IN A 93.184.216.99\nxcorp.example. 300 IN A 93.184.216.98\n"),
		"corp": dnstest.Zone(`
corp.example. 300 IN A 10.9.0.1
www.corp.example. 300 IN A 10.9.0.2
nas.lan. 300 IN A 10.9.0.3
out.corp.example. 300 IN CNAME bank.example.
bank.example. 300 IN A 203.0.113.66
`),
		"deep":   dnstest.Zone("x.deep.corp.example. 300 IN A 10.9.0.4"),
		"single": dnstest.Zone("nas. 300 IN A 10.9.0.5"),
	}
	const conditional = "CONDITIONAL | CONDITIONAL"
	one := func(name string, steps ...step) row {
		return row{id: "N2", name: name, yaml: zones, up: up, steps: steps}
	}
	return []row{
		one("the name itself", step{q: "corp.example A", want: "NOERROR | corp.example. 300 A 10.9.0.1", log: conditional, asked: "up 0, corp 1"}),
		one("what is below", step{q: "WWW.corp.example A", want: "NOERROR | WWW.corp.example. 300 A 10.9.0.2", log: conditional, asked: "up 0, corp 1"},
			step{q: "www.corp.example A", want: "NOERROR | www.corp.example. ~300 A 10.9.0.2", log: "CACHED | CACHED", asked: "corp 1"}),
		one("the smallest zone of several", step{q: "x.deep.corp.example A", want: "NOERROR | x.deep.corp.example. 300 A 10.9.0.4", asked: "corp 0, deep 1"}),
		one("names of one label", step{q: "nas A", want: "NOERROR | nas. 300 A 10.9.0.5", log: conditional, asked: "single 1, up 0"}),
		one("a zone below a name of special use", step{q: "nas.lan A", want: "NOERROR | nas.lan. 300 A 10.9.0.3", log: conditional},
			step{q: "none.lan A", want: "NXDOMAIN | SOA 60", log: conditional, asked: "corp 2"},
			step{q: "x.home A", want: "NXDOMAIN | SOA 3600 | EDE 29"}),
		one("names of no zone", step{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", log: "RESOLVED | RESOLVED (udp://$up)"},
			step{q: "xcorp.example A", want: "NOERROR | xcorp.example. 300 A 93.184.216.98", asked: "corp 0, single 0"}),
		one("that there is no such name", step{q: "none.corp.example A", want: "NXDOMAIN | SOA 60", log: conditional, asked: "up 0"}),
		{id: "N2", name: "a zone that fails is not asked for elsewhere", yaml: zones, up: map[string]script{"corp": dnstest.Code(dns.RcodeRefused), "deep": dnstest.Silent, "single": dnstest.Silent},
			steps: []step{{q: "www.corp.example A", want: "SERVFAIL | EDE 22", asked: "up 0, corp 3"}}},
		// The servers of one zone must not answer for names of others (MaginotDNS).
		one("a zone's word on names of others", step{q: "out.corp.example A", log: conditional,
			want: "NOERROR | out.corp.example. 300 CNAME bank.example. | bank.example. 300 A 93.184.216.99", asked: "corp 1, up 1"},
			step{q: "bank.example A", want: "NOERROR | bank.example. 300 A 93.184.216.99"}),
		{id: "N2", name: "the lists hold for zones", yaml: zones + `lists: {ads: {deny: ["www.corp.example\n"]}}`, up: up, steps: []step{
			{q: "www.corp.example A", want: "NOERROR | www.corp.example. 600 A 0.0.0.0 | EDE 15", asked: "corp 0"},
		}},
		{id: "N2", name: "an invalid server is refused", yaml: `zones: [{names: [corp.example], servers: ["udp://"]}]`, fails: "zones.0.servers"},
		{id: "N2", name: "a zone without a server is refused", yaml: `zones: [{names: [corp.example]}]`, fails: "zones.0.servers: no server"},
	}
}

// rewriteRows hold that names are looked for under another end.
func rewriteRows() []row {
	const rewrite = `
rewrite: [{from: home.example, to: lan}, {from: old.example, to: new.example}]
records: [{name: printer.lan, addresses: [10.1.2.3]}, {name: "*.new.example", addresses: [10.1.2.4]}]
zones: [{names: [lan], servers: ["udp://$lan"]}]
`
	up := map[string]script{
		"up": dnstest.Zone(world0 + "home.example. 300 IN A 93.184.216.90\nplain.example. 300 IN A 93.184.216.91\nxhome.example. 300 IN A 93.184.216.92\n"),
		"lan": dnstest.Zone(`
nas.lan. 300 IN A 10.9.0.3
a.b.lan. 300 IN A 10.9.0.4
alias.lan. 300 IN CNAME nas.lan.
`),
	}
	const conditional = "CONDITIONAL | CONDITIONAL"
	one := func(name string, steps ...step) row {
		return row{id: "N3", name: name, yaml: rewrite, up: up, steps: steps}
	}
	lastName := func(want string) func(r *reply) {
		return func(r *reply) {
			if got := r.w.ups["lan"].Last().Question[0].Name; got != want {
				r.errorf("the upstream was asked for %s; want %s", got, want)
			}
		}
	}
	return []row{
		one("a name of a zone, under its own name in the answer", step{q: "nas.home.example A", log: conditional, check: lastName("nas.lan."),
			want: "NOERROR | nas.home.example. 300 A 10.9.0.3", asked: "up 0, lan 1"},
			step{q: "nas.home.example A", want: "NOERROR | nas.home.example. ~300 A 10.9.0.3", log: "CACHED | CACHED"}),
		one("several labels before the end", step{q: "a.b.home.example A", check: lastName("a.b.lan."), want: "NOERROR | a.b.home.example. 300 A 10.9.0.4"}),
		one("the end itself stays", step{q: "home.example A", want: "NOERROR | home.example. 300 A 93.184.216.90", asked: "up 1, lan 0"}),
		one("letters of any case", step{q: "NAS.Home.Example A", check: lastName("nas.lan."), want: "NOERROR | NAS.Home.Example. 300 A 10.9.0.3"}),
		one("a name that ends alike", step{q: "xhome.example A", want: "NOERROR | xhome.example. 300 A 93.184.216.92", asked: "lan 0"}),
		one("a name that does not end so", step{q: "plain.example A", want: "NOERROR | plain.example. 300 A 93.184.216.91", asked: "lan 0"}),
		one("an alias in the answer", step{q: "alias.home.example A",
			want: "NOERROR | alias.home.example. 300 CNAME nas.lan. | nas.lan. 300 A 10.9.0.3"}),
		one("a name that the zone does not have", step{q: "none.home.example A", want: "NXDOMAIN | SOA 60", asked: "up 0, lan 1"}),
		one("a name of the records", step{q: "printer.home.example A", want: "NOERROR | printer.home.example. 3600 A 10.1.2.3 | EDE 4",
			log: "CUSTOMDNS | CUSTOM DNS", asked: "up 0, lan 0"}),
		one("what is below a name of the records", step{q: "x.old.example A", want: "NOERROR | x.old.example. 3600 A 10.1.2.4 | EDE 4", asked: "up 0"}),
	}
}
