package resolver_test

import "github.com/qubesbeat/qubesbeat/internal/dnstest"

// blockAnswerRows hold what blocked names are answered with.
func blockAnswerRows() []row {
	const ads = `lists: {ads: {deny: ["bad.example\n"]}}` + "\n"
	return []row{
		{id: "B6", name: "NXDOMAIN with a SOA", yaml: ads + `block: {answer: nxdomain}`, steps: []step{
			{q: "bad.example A", want: "NXDOMAIN | SOA 600 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
			{q: "bad.example MX", want: "NXDOMAIN | SOA 600 | EDE 15"},
		}},
		{id: "B6", name: "a TTL of one's own", yaml: ads + `block: {ttl: 1234s}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 1234 A 0.0.0.0 | EDE 15"},
			{q: "bad.example MX", want: "NOERROR | SOA 1234 | EDE 15"},
		}},
		{id: "B6", name: "NXDOMAIN with a TTL of one's own", yaml: ads + `block: {answer: NXDOMAIN, ttl: 90s}`, steps: []step{
			{q: "bad.example AAAA", want: "NXDOMAIN | SOA 90 | EDE 15"},
		}},
		{id: "B6", name: "no data", yaml: ads + `block: {answer: nodata, ttl: 1m}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | SOA 60 | EDE 15"},
		}},
		{id: "B6", name: "refused", yaml: ads + `block: {answer: refused}`, steps: []step{
			{q: "bad.example A", want: "REFUSED | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
		}},
		{id: "B6", name: "addresses of both families", yaml: ads + `block: {answer: addresses, addresses: [203.0.113.1, "2001:db8::1"], ttl: 1m}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 60 A 203.0.113.1 | EDE 15"},
			{q: "bad.example AAAA", want: "NOERROR | bad.example. 60 AAAA 2001:db8::1 | EDE 15"},
			{q: "bad.example HTTPS", want: "NOERROR | SOA 60 | EDE 15"},
		}},
		{id: "B6", name: "several addresses", yaml: ads + `block: {answer: addresses, addresses: [203.0.113.1, 203.0.113.2]}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 203.0.113.1 | bad.example. 600 A 203.0.113.2 | EDE 15"},
		}},
		{id: "B6", name: "an address of one family, zero for the other", yaml: ads + `block: {answer: addresses, addresses: [203.0.113.1]}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 203.0.113.1 | EDE 15"},
			{q: "bad.example AAAA", want: "NOERROR | bad.example. 600 AAAA :: | EDE 15"},
		}},
		{id: "B6", name: "a rule has an answer of its own", yaml: ads + `policies: [{qubes: [kiosk], lists: [ads], block: {answer: nxdomain}}, {lists: [ads]}]`, steps: []step{
			{from: "kiosk", q: "bad.example A", want: "NXDOMAIN | SOA 600 | EDE 15"},
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
		}},
		{id: "B12", name: "an unknown answer is refused", yaml: `block: {answer: wrong}`, fails: `block.answer: "wrong" is not known`},
		{id: "B12", name: "addresses that are none are refused", yaml: `block: {answer: addresses, addresses: [here]}`, fails: `"here" is not an address`},
		{id: "B12", name: "addresses without any are refused", yaml: `block: {answer: addresses}`, fails: "or neither"},
		{id: "B12", name: "a list that is not there is refused", yaml: `policies: [{lists: [nothing]}]`, fails: `there is no list "nothing"`},
	}
}

// answerListRows hold that what an answer leads to is looked at, and that what is
// allowed wins.
func answerListRows() []row {
	up := map[string]script{"up": dnstest.Zone(world0 + `
four.example. 300 IN A 123.145.123.145
six.example. 300 IN AAAA 2001:db8:85a3:8d3::7344
alias.example. 300 IN CNAME middle.example.
middle.example. 300 IN CNAME bad.example.
service.example. 300 IN HTTPS 1 bad.example. alpn=h2
hint.example. 300 IN HTTPS 1 . ipv4hint=123.145.123.145
`)}
	const addresses = `lists: {ads: {deny: ["123.145.123.145\n2001:db8:85a3::/48\n"]}}`
	return []row{
		{id: "B7", name: "an IPv4 address on the list", yaml: addresses, up: up, steps: []step{
			{q: "four.example A", want: "NOERROR | four.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED IP (ads: 123.145.123.145)", asked: "up 1"},
			{q: "four.example A", want: "NOERROR | four.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED IP (ads: 123.145.123.145)", asked: "up 1"},
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
		}},
		{id: "B7", name: "an IPv6 network on the list", yaml: addresses, up: up, steps: []step{
			{q: "six.example AAAA", want: "NOERROR | six.example. 600 AAAA :: | EDE 15", log: "BLOCKED | BLOCKED IP (ads: 2001:db8:85a3::/48)"},
		}},
		{id: "B7", name: "an address that is hinted at", yaml: addresses, up: up, steps: []step{
			{q: "hint.example HTTPS", want: "NOERROR | SOA 600 | EDE 15", log: "BLOCKED | BLOCKED IP (ads: 123.145.123.145)"},
		}},
		{id: "B8", name: "an alias of a name on the list", yaml: `lists: {ads: {deny: ["bad.example\n"]}}`, up: up, steps: []step{
			{q: "alias.example A", want: "NOERROR | alias.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED CNAME (ads: bad.example)", asked: "up 1"},
			{q: "alias.example A", want: "NOERROR | alias.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED CNAME (ads: bad.example)", asked: "up 1"},
		}},
		{id: "B8", name: "an alias in the middle of a chain", yaml: `lists: {ads: {deny: ["middle.example\n"]}}`, up: up, steps: []step{
			{q: "alias.example A", want: "NOERROR | alias.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED CNAME (ads: middle.example)"},
		}},
		{id: "B8", name: "the target of an HTTPS record", yaml: `lists: {ads: {deny: ["bad.example\n"]}}`, up: up, steps: []step{
			{q: "service.example HTTPS", want: "NOERROR | SOA 600 | EDE 15", log: "BLOCKED | BLOCKED CNAME (ads: bad.example)"},
		}},
		{id: "B9", name: "a name that is denied and allowed", yaml: `lists: {ads: {deny: ["bad.example\n"]}, mine: {deny: ["worse.example\n"], allow: ["bad.example\n"]}}`, up: up, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 300 A 93.184.216.66"},
			{q: "worse.example A", want: "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15"},
			{q: "alias.example A", want: "NOERROR | alias.example. 300 CNAME middle.example. | middle.example. 300 CNAME bad.example. | bad.example. 300 A 93.184.216.66"},
		}},
		{id: "B9", name: "an address that is denied and allowed", yaml: `lists: {ads: {deny: ["123.145.0.0/16\n"], allow: ["123.145.123.145\n"]}}`, up: up, steps: []step{
			{q: "four.example A", want: "NOERROR | four.example. 300 A 123.145.123.145"},
		}},
		{id: "B9", name: "the name of the question is allowed, and so is what it leads to", yaml: `lists: {ads: {deny: ["bad.example\n123.145.123.145\n"], allow: ["alias.example\nfour.example\n"]}}`, up: up, steps: []step{
			{q: "alias.example A", want: "NOERROR | alias.example. 300 CNAME middle.example. | middle.example. 300 CNAME bad.example. | bad.example. 300 A 93.184.216.66"},
			{q: "four.example A", want: "NOERROR | four.example. 300 A 123.145.123.145"},
		}},
		{id: "B9", name: "a list of allowed names is only for those who have it", yaml: `
lists: {ads: {deny: ["bad.example\n"]}, mine: {deny: ["worse.example\n"], allow: ["bad.example\n"]}}
policies: [{qubes: [kiosk], lists: [ads, mine]}, {lists: [ads]}]`, up: up, steps: []step{
			{from: "kiosk", q: "bad.example A", want: "NOERROR | bad.example. 300 A 93.184.216.66"},
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "kiosk", q: "bad.example A", want: "NOERROR | bad.example. ~300 A 93.184.216.66", log: "CACHED | CACHED"},
		}},
		{id: "B10", name: "a list without denied names forbids all others", yaml: `lists: {only: {allow: ["www.example\n*.bad.example\n"]}}`, up: up, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{q: "sub.bad.example A", want: "NOERROR | sub.bad.example. 300 A 93.184.216.68"},
			{q: "other.example A", want: "NOERROR | other.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ALLOWLIST ONLY)", asked: "up 2"},
			{q: "other.example MX", want: "NOERROR | SOA 600 | EDE 15", log: "BLOCKED | BLOCKED (ALLOWLIST ONLY)"},
		}},
		{id: "B10", name: "only those who have the list are held by it", yaml: `
lists: {only: {allow: ["www.example\n"]}, ads: {deny: ["bad.example\n"]}}
policies: [{qubes: [kiosk], lists: [only]}, {lists: [ads]}]`, up: up, steps: []step{
			{from: "kiosk", q: "other.example A", want: "NOERROR | other.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ALLOWLIST ONLY)"},
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{q: "other.example A", want: "NOERROR | other.example. 300 A 93.184.216.35"},
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
		}},
		{id: "B10", name: "what an allowed name leads to need not be on the list", yaml: `lists: {only: {allow: ["alias.example\n"]}}`, up: up, steps: []step{
			{q: "alias.example A", want: "NOERROR | alias.example. 300 CNAME middle.example. | middle.example. 300 CNAME bad.example. | bad.example. 300 A 93.184.216.66"},
		}},
		{id: "B10", name: "allow_only forbids everything without any list", yaml: `allow_only: true`, up: up, steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ALLOWLIST ONLY)"},
		}},
	}
}
