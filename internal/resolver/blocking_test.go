package resolver_test

// world0 is what the upstream of a row knows where the row says nothing else.
const world0 = `
example.com. 300 IN A 93.184.216.34
www.example. 300 IN A 93.184.216.34
www.example. 300 IN AAAA 2606:2800:21f::1
www.example. 300 IN MX 10 mail.example.
www.example. 300 IN TXT "hello"
other.example. 300 IN A 93.184.216.35
bad.example. 300 IN A 93.184.216.66
bad.example. 300 IN AAAA 2606:2800:21f::66
bad.example. 300 IN HTTPS 1 . alpn=h2
worse.example. 300 IN A 93.184.216.67
sub.bad.example. 300 IN A 93.184.216.68
`

// blockRows hold whose names are blocked, and how for each type.
func blockRows() []row {
	const groups = `
lists: {ads: {deny: ["bad.example\n"]}, more: {deny: ["worse.example\n"]}, merged: {deny: ["sub.bad.example\n", "other.example\n"]}}
policies:
- {qubes: [work-mail, untrusted], lists: [ads]}
- {qubes: ["work-*"], lists: [more]}
- {qubes: [kiosk], lists: [merged, ads]}
`
	return []row{
		{id: "B1", name: "a rule for several qubes holds for each", yaml: groups, steps: []step{
			{from: "work-mail", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
			{from: "untrusted", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
			{from: "work-web", q: "bad.example A", want: "NOERROR | bad.example. 300 A 93.184.216.66", log: "RESOLVED | RESOLVED (udp://$up)"},
		}},
		{id: "B1", name: "the lists of several rules are a union", yaml: groups, steps: []step{
			{from: "work-mail", q: "worse.example A", want: "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (more: worse.example)"},
			{from: "work-web", q: "worse.example A", want: "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (more: worse.example)"},
			{from: "untrusted", q: "worse.example A", want: "NOERROR | worse.example. 300 A 93.184.216.67"},
		}},
		{id: "B1", name: "a list has several sources and a rule several lists", yaml: groups, steps: []step{
			{from: "kiosk", q: "sub.bad.example A", want: "NOERROR | sub.bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (merged: sub.bad.example)"},
			{from: "kiosk", q: "other.example A", want: "NOERROR | other.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (merged: other.example)"},
			{from: "kiosk", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
		}},
		// blocky says NXDOMAIN without a SOA for types other than A and AAAA, which
		// tells a resolver below it that the name does not exist at all (RFC 8020).
		{id: "B2", name: "other types have no data and a SOA", yaml: `lists: {ads: {deny: ["bad.example\n"]}}`, steps: []step{
			{q: "bad.example AAAA", want: "NOERROR | bad.example. 600 AAAA :: | EDE 15"},
			{q: "bad.example HTTPS", want: "NOERROR | SOA 600 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
			{q: "bad.example MX", want: "NOERROR | SOA 600 | EDE 15"},
			{q: "bad.example TYPE1000", want: "NOERROR | SOA 600 | EDE 15"},
			{q: "www.example MX", want: "NOERROR | www.example. 300 MX 10 mail.example."},
		}},
		{id: "B2", name: "what is blocked is not asked for upstream", yaml: `lists: {ads: {deny: ["bad.example\n"]}}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", asked: "up 0"},
			{q: "BAD.example A +noedns", want: "NOERROR | BAD.example. 600 A 0.0.0.0", asked: "up 0"},
			{q: "sub.bad.example A", want: "NOERROR | sub.bad.example. 300 A 93.184.216.68", asked: "up 1"},
		}},
		{id: "B5", name: "a rule without qubes is for those of no other rule", yaml: `
lists: {ads: {deny: ["bad.example\n"]}, more: {deny: ["worse.example\n"]}}
policies: [{qubes: [work-mail], lists: [more]}, {lists: [ads]}]`, steps: []step{
			{from: "work-web", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (ads: bad.example)"},
			{from: "127.99.1.1", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "work-mail", q: "bad.example A", want: "NOERROR | bad.example. 300 A 93.184.216.66"},
			{from: "work-mail", q: "worse.example A", want: "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "127.99.1.1", q: "worse.example A", want: "NOERROR | worse.example. 300 A 93.184.216.67"},
		}},
		{id: "B5", name: "without rules everybody has every list", yaml: `lists: {ads: {deny: ["bad.example\n"]}, more: {deny: ["worse.example\n"]}}`, steps: []step{
			{from: "work-web", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "127.99.1.1", q: "worse.example A", want: "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15"},
		}},
	}
}

// clientRows hold how a qube is recognized.
func clientRows() []row {
	// one is a row with a rule that names clients in one way.
	one := func(id, name, rule string, yes, no []string) row {
		r := row{id: id, name: name, yaml: "lists: {ads: {deny: [\"bad.example\\n\"]}}\npolicies: [{" + rule + ", lists: [ads]}]"}
		for _, from := range yes {
			r.steps = append(r.steps, step{from: from, q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15",
				log: "BLOCKED | BLOCKED (ads: bad.example)"})
		}
		for _, from := range no {
			r.steps = append(r.steps, step{from: from, q: "bad.example A", want: "NOERROR | bad.example. ~300 A 93.184.216.66"})
		}
		return r
	}
	return []row{
		one("B3", "an address", "addresses: [127.43.0.9]", []string{"127.43.0.9"}, []string{"127.43.0.8", "127.43.0.10"}),
		one("B3", "both ends of a network of 16 addresses", "addresses: [127.43.8.64/28]", []string{"127.43.8.64", "127.43.8.79"},
			[]string{"127.43.8.63", "127.43.8.80"}),
		one("B3", "a network that is written with a host in it", "addresses: [127.43.8.70/28]", []string{"127.43.8.64", "127.43.8.79"},
			[]string{"127.43.8.63", "127.43.8.80"}),
		one("B3", "the address of a qube", "addresses: [127.10.0.2]", []string{"work-web"}, []string{"work-mail", "127.43.0.9"}),
		one("B4", "a name", "qubes: [work-mail]", []string{"work-mail"}, []string{"work-web", "127.43.0.9"}),
		one("B4", "a pattern with a star", `qubes: ["work-*"]`, []string{"work-mail", "work-web"}, []string{"untrusted", "127.43.0.9"}),
		one("B4", "a pattern with a range", `qubes: ["host[5-9]"]`, []string{"host7"}, []string{"kiosk"}),
		one("B4", "any of several names", `qubes: [absent, "k?osk"]`, []string{"kiosk"}, []string{"untrusted"}),
		one("B4", "a label", "labels: [red]", []string{"untrusted"}, []string{"work-mail"}),
		one("B4", "a class", "classes: [DispVM]", []string{"kiosk"}, []string{"work-mail", "127.43.0.9"}),
		one("B4", "a template", `templates: ["debian-*"]`, []string{"work-mail", "work-web"}, []string{"kiosk"}),
		one("B4", "a tag", "tags: [office]", []string{"work-mail", "kiosk"}, []string{"work-web"}),
		{id: "B4", name: "an invalid pattern is refused", yaml: `policies: [{qubes: ["work-["]}]`, fails: "is not a pattern"},
		{id: "B4", name: "a name for an address is no address", yaml: `policies: [{addresses: [laptop.example]}]`, fails: "is neither an address nor a network"},
	}
}
