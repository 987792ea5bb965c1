package resolver_test

import "github.com/qubesbeat/qubesbeat/internal/dnstest"

// specialRows hold what is answered without asking anybody because the name is
// of special use.
func specialRows() []row {
	const log = "SPECIAL | Special-Use Domain Name"
	const absent = "NXDOMAIN | SOA 3600 | EDE 29"
	const empty = "NOERROR | SOA 3600 | EDE 29"
	up := map[string]script{"up": dnstest.Zone(`
home.arpa. 300 IN NS blackhole-1.iana.org.
nas.lan. 300 IN A 93.184.216.34
localhost. 300 IN A 93.184.216.35
use-application-dns.net. 300 IN A 93.184.216.36
www.use-application-dns.net. 300 IN A 93.184.216.37
`)}
	one := func(name, yaml string, steps ...step) row {
		return row{id: "P1", name: name, yaml: yaml, up: up, steps: steps}
	}
	// each asks for several names that have one answer, without asking upstream.
	each := func(name, want string, questions ...string) row {
		r := one(name, "")
		for _, q := range questions {
			r.steps = append(r.steps, step{q: q, want: want, log: log, asked: "up 0"})
		}
		return r
	}
	return []row{
		one("localhost and what is below is this machine", "",
			step{q: "localhost A", want: "NOERROR | localhost. 3600 A 127.0.0.1 | EDE 29", log: log},
			step{q: "LocalHost AAAA", want: "NOERROR | LocalHost. 3600 AAAA ::1 | EDE 29"},
			step{q: "a.b.localhost A", want: "NOERROR | a.b.localhost. 3600 A 127.0.0.1 | EDE 29"},
			step{q: "localhost MX", want: empty, asked: "up 0"}),
		each("invalid, test, local, onion and alt do not exist", absent, "x.invalid A", "invalid A", "www.test A", "printer.local AAAA", "x.onion A", "x.alt TXT"),
		each("nothing about .onion leaves this machine (RFC 7686 section 2)", absent, "abc.onion A", "abc.onion DS", "onion DS"),
		each("names of private addresses do not exist", absent, "1.0.0.10.in-addr.arpa PTR", "1.0.16.172.in-addr.arpa PTR", "1.255.31.172.in-addr.arpa PTR",
			"1.1.168.192.in-addr.arpa PTR", "1.1.254.169.in-addr.arpa PTR", "2.0.0.127.in-addr.arpa PTR", "x.1.0.0.127.in-addr.arpa PTR", "1.0.64.100.in-addr.arpa PTR", "1.0.127.100.in-addr.arpa PTR",
			"1.2.0.192.in-addr.arpa PTR",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR"),
		one("the name of a loopback address (RFC 6303 section 3)", "",
			step{q: "1.0.0.127.in-addr.arpa PTR", want: "NOERROR | 1.0.0.127.in-addr.arpa. 3600 PTR localhost. | EDE 29", log: log, asked: "up 0"},
			step{q: "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa PTR",
				want: "NOERROR | 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. 3600 PTR localhost. | EDE 29", asked: "up 0"}),
		each("what is above that name exists", empty, "127.in-addr.arpa PTR", "0.0.127.in-addr.arpa NS", "1.0.0.127.in-addr.arpa A"),
		one("names of public addresses are asked for", "", step{q: "1.0.63.100.in-addr.arpa PTR", want: "NXDOMAIN | SOA 60", asked: "up 1"}),
		one("names of other public addresses are asked for", "", step{q: "1.0.32.172.in-addr.arpa PTR", want: "NXDOMAIN | SOA 60", asked: "up 1"},
			step{q: "34.216.184.93.in-addr.arpa PTR", want: "NXDOMAIN | SOA 60", asked: "up 2"}),
		one("home.arpa is ours, the proof that it is unsigned comes from above", "", step{q: "nas.home.arpa A", want: absent, log: log, asked: "up 0"},
			step{q: "home.arpa DS", want: "NOERROR | SOA 60", asked: "up 1"}),
		each("names of RFC 6762 appendix G do not exist", absent, "nas.lan A", "x.internal A", "x.intranet A", "x.private A", "x.corp A", "x.home A"),
		one("names of RFC 6762 appendix G upstream where that is wanted", `special_use: {rfc6762_appendix_g: false}`,
			step{q: "nas.lan A", want: "NOERROR | nas.lan. 300 A 93.184.216.34", asked: "up 1"},
			step{q: "x.corp A", want: "NXDOMAIN | SOA 60", asked: "up 2"},
			step{q: "printer.local A", want: absent, asked: "up 2"}),
		one("all of them upstream where that is wanted", `special_use: {enabled: false}`,
			step{q: "nas.lan A", want: "NOERROR | nas.lan. 300 A 93.184.216.34", asked: "up 1"},
			step{q: "localhost A", want: "NOERROR | localhost. 300 A 93.184.216.35", asked: "up 2"},
			step{q: "x.invalid A", want: "NXDOMAIN | SOA 60", asked: "up 3"}),
		each("names by which programs find out that they may go around us", absent, "use-application-dns.net A", "mask.icloud.com A", "mask-h2.icloud.com HTTPS"),
		one("those names only", "", step{q: "www.use-application-dns.net A", want: "NOERROR | www.use-application-dns.net. 300 A 93.184.216.37"}),
		each("we name no encrypted resolver (RFC 9462)", empty, "_dns.resolver.arpa SVCB", "resolver.arpa A"),
		one("ipv4only.arpa (RFC 8880)", "", step{q: "ipv4only.arpa A", want: "NOERROR | ipv4only.arpa. 3600 A 192.0.0.170 | ipv4only.arpa. 3600 A 192.0.0.171 | EDE 29"},
			step{q: "ipv4only.arpa AAAA", want: empty, asked: "up 0"}),
	}
}

// filterRows hold what clients do not get whatever the name, and that what they
// say of their network is of no meaning.
func filterRows() []row {
	const none, noName = "NOERROR | SOA 600 | EDE 17", "NXDOMAIN | SOA 600 | EDE 17"
	bare := func(r *reply) {
		r.t.Helper()
		optionless(r)
		if o := r.w.ups["up"].Last().IsEdns0(); o != nil {
			for _, opt := range o.Option {
				if opt.Option() == 8 {
					r.errorf("the upstream received %v", opt)
				}
			}
		}
	}
	const lists = `
lists: {ads: {deny: ["bad.example\n"]}}
policies: [{addresses: [127.43.0.9], lists: [ads]}, {qubes: [kiosk], no_types: [MX]}]`
	return []row{
		{id: "P2", name: "filtered types", yaml: `no_types: [AAAA, HTTPS]`, steps: []step{
			{q: "www.example AAAA", want: none, log: "FILTERED | FILTERED (qtype)", asked: "up 0"},
			{q: "none.example HTTPS", want: none, asked: "up 0"},
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", asked: "up 1"},
		}},
		{id: "P2", name: "types that one qube does not get", yaml: `policies: [{qubes: [kiosk], no_types: [AAAA]}]`, steps: []step{
			{from: "kiosk", q: "www.example AAAA", want: none, asked: "up 0"},
			{q: "www.example AAAA", want: "NOERROR | www.example. 300 AAAA 2606:2800:21f::1", asked: "up 1"},
			{from: "kiosk", q: "www.example AAAA", want: none, log: "FILTERED | FILTERED (qtype)"},
		}},
		{id: "P2", name: "an unknown type is refused", yaml: `no_types: [WRONG]`, fails: `"WRONG" is not a record type`},
		{id: "P2", name: "names of one label are refused where that is wanted", yaml: `fqdn_only: true`, steps: []step{
			{q: "nas A", want: noName, log: "NOTFQDN | NOTFQDN", asked: "up 0"},
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{q: ". NS", want: "NXDOMAIN | SOA 60", asked: "up 2"},
		}},
		{id: "P2", name: "names of one label by default", up: map[string]script{"up": dnstest.Zone("nas. 300 IN A 93.184.216.34")}, steps: []step{
			{q: "nas A", want: "NOERROR | nas. 300 A 93.184.216.34"},
		}},
		{id: "P2", name: "names of one label for all but one", yaml: "fqdn_only: true\npolicies: [{qubes: [kiosk], fqdn_only: false}]",
			up: map[string]script{"up": dnstest.Zone("nas. 300 IN A 93.184.216.34")}, steps: []step{
				{from: "kiosk", q: "nas A", want: "NOERROR | nas. 300 A 93.184.216.34"},
				{q: "nas A", want: noName},
			}},
		// blocky can take the client's word; a qube could give itself another's policy.
		{id: "P3", name: "a client is not who it says", yaml: lists, steps: []step{
			{q: "bad.example A +subnet=127.43.0.9/32", want: "NOERROR | bad.example. 300 A 93.184.216.66", check: bare},
			{from: "127.43.0.9", q: "bad.example A +subnet=127.0.0.1/32", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "127.43.0.9", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
		}},
		{id: "P3", name: "a network that a client names goes nowhere", yaml: lists, steps: []step{
			{q: "www.example A +subnet=198.51.100.0/24", want: "NOERROR | www.example. 300 A 93.184.216.34", check: bare, asked: "up 1"},
			{q: "www.example A +subnet=203.0.113.7/32", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", check: bare, asked: "up 1"},
			{q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", check: bare, asked: "up 1"},
		}},
		{id: "P3", name: "forwarding it with a mask", skip: "a client's network is never forwarded, so that there is nothing to mask"},
	}
}
