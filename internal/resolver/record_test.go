package resolver_test

import "github.com/qubesbeat/qubesbeat/internal/dnstest"

// recordRows hold what is answered from the configuration.
func recordRows() []row {
	const own = `
records:
- {name: v4.example, addresses: [10.1.2.3]}
- {name: both.example, addresses: [10.1.2.4, 10.1.2.5, "fd00::4"], ttl: 90s}
- {name: "*.tree.example", addresses: [10.1.2.6]}
- {name: Upper.Example, addresses: [10.1.2.7]}
- {name: open.example, addresses: [10.1.2.8], other_types_upstream: true}
- {name: printer.lan, addresses: [10.1.2.9]}
- {name: bad.example, addresses: [10.1.2.10]}
lists: {ads: {deny: ["bad.example\n"]}}
`
	up := map[string]script{"up": dnstest.Zone(world0 + `
v4.example. 300 IN TXT "upstream"
open.example. 300 IN TXT "upstream"
open.example. 300 IN A 198.18.0.1
3.2.1.10.in-addr.arpa. 300 IN PTR upstream.example.
`)}
	const custom = "CUSTOMDNS | CUSTOM DNS"
	one := func(name string, steps ...step) row {
		return row{id: "N1", name: name, yaml: own, up: up, steps: steps}
	}
	zoned := func(name, text string, steps ...step) row {
		return row{id: "N1", name: name, yaml: "zone_records: |\n  " + text, up: up, steps: steps}
	}
	refused := func(name, yaml, why string) row { return row{id: "N1", name: name, yaml: yaml, fails: why} }
	return []row{
		one("an address", step{q: "v4.example A", want: "NOERROR | v4.example. 3600 A 10.1.2.3 | EDE 4", log: custom, asked: "up 0"}),
		one("no data for the other family", step{q: "v4.example AAAA", want: "NOERROR | SOA 3600 | EDE 4", log: custom, asked: "up 0"}),
		one("no data for other types", step{q: "v4.example TXT", want: "NOERROR | SOA 3600 | EDE 4", log: custom},
			step{q: "v4.example HTTPS", want: "NOERROR | SOA 3600 | EDE 4", asked: "up 0"}),
		one("other types upstream where that is wanted", step{q: "open.example A", want: "NOERROR | open.example. 3600 A 10.1.2.8 | EDE 4", asked: "up 0"},
			step{q: "open.example TXT", want: `NOERROR | open.example. 300 TXT "upstream"`, log: "RESOLVED | RESOLVED (udp://$up)"}),
		one("several addresses, and a TTL of one's own",
			step{q: "both.example A", want: "NOERROR | both.example. 90 A 10.1.2.4 | both.example. 90 A 10.1.2.5 | EDE 4"},
			step{q: "both.example AAAA", want: "NOERROR | both.example. 90 AAAA fd00::4 | EDE 4"}),
		one("letters of any case", step{q: "uPPER.eXAMPLE A", want: "NOERROR | uPPER.eXAMPLE. 3600 A 10.1.2.7 | EDE 4"}),
		// blocky's mapping always answers for what is below; here that is written.
		one("what is below, where that is written", step{q: "tree.example A", want: "NOERROR | tree.example. 3600 A 10.1.2.6 | EDE 4"},
			step{q: "a.b.tree.example A", want: "NOERROR | a.b.tree.example. 3600 A 10.1.2.6 | EDE 4", log: custom},
			step{q: "a.v4.example A", want: "NXDOMAIN | SOA 60"}),
		one("the name of an address", step{q: "3.2.1.10.in-addr.arpa PTR", want: "NOERROR | 3.2.1.10.in-addr.arpa. 3600 PTR v4.example. | EDE 4", log: custom},
			step{q: "4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR",
				want: "NOERROR | 4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 90 PTR both.example. | EDE 4"},
			step{q: "99.2.1.10.in-addr.arpa PTR", want: "NXDOMAIN | SOA 3600 | EDE 29", asked: "up 0"}),
		one("below a name of special use", step{q: "printer.lan A", want: "NOERROR | printer.lan. 3600 A 10.1.2.9 | EDE 4"},
			step{q: "other.lan A", want: "NXDOMAIN | SOA 3600 | EDE 29"}),
		one("before anything is blocked", step{q: "bad.example A", want: "NOERROR | bad.example. 3600 A 10.1.2.10 | EDE 4", log: custom}),
		zoned("SRV, TXT and MX of a zone, with its TTLs", `$ORIGIN home.example.
  $TTL 120
  _imap._tcp IN SRV 0 5 143 mail
  @ 60 IN TXT "one" "two"
  @ IN MX 10 mail
  mail IN A 10.1.2.20`,
			step{q: "_imap._tcp.home.example SRV", want: "NOERROR | _imap._tcp.home.example. 120 SRV 0 5 143 mail.home.example. | EDE 4", log: custom},
			step{q: "home.example TXT", want: `NOERROR | home.example. 60 TXT "one" "two" | EDE 4`},
			step{q: "home.example MX", want: "NOERROR | home.example. 120 MX 10 mail.home.example. | EDE 4"},
			step{q: "mail.home.example A", want: "NOERROR | mail.home.example. 120 A 10.1.2.20 | EDE 4"},
			step{q: "mail.home.example TXT", want: "NOERROR | SOA 3600 | EDE 4", asked: "up 0"}),
		zoned("a zone without TTLs", "plain.example. IN A 10.1.2.21", step{q: "plain.example A", want: "NOERROR | plain.example. 3600 A 10.1.2.21 | EDE 4"}),
		refused("a type that a resolver does not answer from", "zone_records: |\n  x.example. IN DNSKEY 256 3 8 AAAA", "records of type DNSKEY"),
		refused("a zone that cannot be read", "zone_records: |\n  x.example. IN A nowhere", "zone_records"),
		refused("a record without anything", `records: [{name: x.example}]`, "needs either addresses or an alias"),
		refused("a record with both", `records: [{name: x.example, addresses: [10.0.0.1], alias: y.example}]`, "needs either addresses or an alias"),
		refused("an invalid address", `records: [{name: x.example, addresses: [nowhere]}]`, "records.0.addresses"),
	}
}

// aliasRows hold how aliases of the configuration are answered.
func aliasRows() []row {
	const aliases = `
records:
- {name: www.home.example, alias: www.example, ttl: 60s}
- {name: www.lan, alias: www.example}
- {name: in.example, alias: middle.example}
- {name: middle.example, alias: end.example, ttl: 90s}
- {name: end.example, addresses: [10.1.2.3]}
- {name: loop.example, alias: pool.example}
- {name: pool.example, alias: loop.example}
- {name: ad.example, alias: bad.example}
- {name: inside.example, alias: router.example}
- {name: mixed.example, alias: WWW.Example}
- {name: gate.example, alias: gate.corp.example}
- {name: out.corp.example, alias: www.example}
zones: [{names: [corp.example], servers: ["udp://$corp"]}]
lists: {ads: {deny: ["bad.example\n"]}}
`
	up := map[string]script{"up": dnstest.Zone(world0 + "router.example. 300 IN A 192.168.1.1\n"), "corp": dnstest.Zone("gate.corp.example. 300 IN A 10.9.0.1")}
	one := func(name string, steps ...step) row {
		return row{id: "N1", name: name, yaml: aliases, up: up, steps: steps}
	}
	return []row{
		one("an alias within the configuration",
			step{q: "in.example A", want: "NOERROR | in.example. 3600 CNAME middle.example. | middle.example. 90 CNAME end.example. | end.example. 3600 A 10.1.2.3 | EDE 4",
				log: "CUSTOMDNS | CUSTOM DNS", asked: "up 0"},
			step{q: "in.example AAAA", want: "NOERROR | in.example. 3600 CNAME middle.example. | middle.example. 90 CNAME end.example. | SOA 3600 | EDE 4"},
			step{q: "in.example CNAME", want: "NOERROR | in.example. 3600 CNAME middle.example. | EDE 4"}),
		one("aliases that lead back to themselves", step{q: "loop.example A", want: "SERVFAIL",
			log: "ERROR | ERROR (the aliases of the configuration form a loop)", asked: "up 0"}),
		one("an alias that leads out of the configuration",
			step{q: "www.home.example A", want: "NOERROR | www.home.example. 60 CNAME www.example. | www.example. 300 A 93.184.216.34", asked: "up 1"},
			step{q: "WWW.home.example A", want: "NOERROR | WWW.home.example. ~60 CNAME www.example. | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 1"},
			step{q: "www.home.example SRV", want: "NOERROR | www.home.example. 60 CNAME www.example. | SOA 60", asked: "up 2"}),
		one("such an alias with letters of another case",
			step{q: "mixed.example A", want: "NOERROR | mixed.example. 3600 CNAME www.example. | www.example. 300 A 93.184.216.34"}),
		one("such an alias below a name of special use",
			step{q: "www.lan A", want: "NOERROR | www.lan. 3600 CNAME www.example. | www.example. 300 A 93.184.216.34", asked: "up 1"}),
		one("such an alias into a zone with upstreams of its own", step{q: "gate.example A", asked: "up 0, corp 1",
			want: "NOERROR | gate.example. 3600 CNAME gate.corp.example. | gate.corp.example. 300 A 10.9.0.1"}),
		one("such an alias out of a zone with upstreams of its own", step{q: "out.corp.example A", asked: "up 1, corp 0",
			want: "NOERROR | out.corp.example. 3600 CNAME www.example. | www.example. 300 A 93.184.216.34"}),
		one("such an alias of a name that is blocked", step{q: "ad.example A", want: "NOERROR | ad.example. 600 A 0.0.0.0 | EDE 15",
			log: "BLOCKED | BLOCKED CNAME (ads: bad.example)"}),
		one("such an alias of a public name with a private address", step{q: "inside.example A", want: "NOERROR | SOA 600 | EDE 15",
			log: "REBIND | REBINDING (192.168.1.1)"}),
	}
}

// hostsRows hold what is answered from hosts files.
func hostsRows() []row {
	const yaml = "hosts_files: [\"$DIR/hosts\"]\n"
	one := func(name, text string, steps ...step) row {
		return row{id: "N4", name: name, yaml: yaml, files: map[string]string{"hosts": text}, steps: steps}
	}
	const hosts = "HOSTSFILE | HOSTS FILE"
	const text = "# hosts\n127.0.0.1 localhost own.example\n::1 own.example\n10.1.2.3 nas.example nas alias.example # the NAS\nfd00::3\tsix.example\n"
	failed := func(name, yaml, text, why string) row {
		return row{id: "N4", name: name, yaml: yaml, files: map[string]string{"hosts": text}, fails: why}
	}
	return []row{
		one("a name and its aliases", text,
			step{q: "nas.example A", want: "NOERROR | nas.example. 3600 A 10.1.2.3 | EDE 4", log: hosts},
			step{q: "ALIAS.example A", want: "NOERROR | ALIAS.example. 3600 A 10.1.2.3 | EDE 4", log: hosts},
			step{q: "nas A", want: "NOERROR | nas. 3600 A 10.1.2.3 | EDE 4", log: hosts},
			step{q: "six.example AAAA", want: "NOERROR | six.example. 3600 AAAA fd00::3 | EDE 4", log: hosts, asked: "up 0"}),
		one("no data for the other family", text, step{q: "nas.example AAAA", want: "NOERROR | SOA 3600 | EDE 4", log: hosts, asked: "up 0"}),
		one("names of an address", text, step{q: "3.2.1.10.in-addr.arpa PTR", log: hosts,
			want: "NOERROR | 3.2.1.10.in-addr.arpa. 3600 PTR nas.example. | 3.2.1.10.in-addr.arpa. 3600 PTR nas. | 3.2.1.10.in-addr.arpa. 3600 PTR alias.example. | EDE 4"}),
		one("names of the machine itself are left out", text, step{q: "own.example A", want: "NXDOMAIN | SOA 60", asked: "up 1"},
			step{q: "localhost A", want: "NOERROR | localhost. 3600 A 127.0.0.1 | EDE 29", log: "SPECIAL | Special-Use Domain Name"}),
		one("some invalid lines", "wrong\nnowhere x.example\n10.1.2.3 nas.example\n10.1.2.4\n", step{q: "nas.example A", want: "NOERROR | nas.example. 3600 A 10.1.2.3 | EDE 4"}),
		failed("too many invalid lines", yaml, "a\nb\nc\nd\ne\nf\n", "6 invalid lines"),
		failed("a file that is not there", `hosts_files: ["$DIR/none"]`, "", "no such file"),
	}
}
