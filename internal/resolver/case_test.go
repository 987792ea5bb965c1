package resolver_test

import "github.com/qubesbeat/qubesbeat/internal/dnstest"

// caseRows hold what others have reported.
func caseRows() []row {
	return []row{
		{id: "N1", name: "TestCase26 no record comes twice", yaml: `
hosts_files: ["$DIR/hosts"]
records:
- {name: printer.lan, addresses: [192.168.178.3]}
- {name: "*.printer.lan", addresses: [192.168.178.3]}
- {name: cname.lan, alias: twice.example}
block: {answer: addresses, addresses: [10.9.9.9, "::ffff:10.9.9.9", 10.9.9.9]}
lists: {ads: {deny: ["bad.example\n"]}}`,
			files: map[string]string{"hosts": "\xef\xbb\xbf10.0.0.1 a.example a.example\n10.0.0.1 A.example\n10.0.0.2 a.example\n"},
			up: map[string]script{"up": func(x *dnstest.Exchange) {
				n := x.Name()
				x.Answer(n+" 300 IN A 93.184.216.34", n+" 300 IN A 93.184.216.34", n+" 200 IN A 93.184.216.35")
			}},
			steps: []step{
				{q: "3.178.168.192.in-addr.arpa PTR", want: "NOERROR | 3.178.168.192.in-addr.arpa. 3600 PTR printer.lan. | EDE 4"},
				{q: "a.example A", want: "NOERROR | a.example. 3600 A 10.0.0.1 | a.example. 3600 A 10.0.0.2 | EDE 4"},
				{q: "1.0.0.10.in-addr.arpa PTR", want: "NOERROR | 1.0.0.10.in-addr.arpa. 3600 PTR a.example. | EDE 4"},
				{q: "twice.example A", want: "NOERROR | twice.example. 200 A 93.184.216.34 | twice.example. 200 A 93.184.216.35"},
				{q: "cname.lan A", want: "NOERROR | cname.lan. 3600 CNAME twice.example. | twice.example. ~200 A 93.184.216.34 | twice.example. ~200 A 93.184.216.35"},
				{q: "bad.example A", want: "NOERROR | bad.example. 600 A 10.9.9.9 | EDE 15"},
			}},
		{id: "L7", name: "TestCase21 a configuration of dnsmasq blocks what it blocks", yaml: `lists: {l: {deny: ["$DIR/l.txt"]}}`,
			files: map[string]string{"l.txt": "server=/corp.example/10.0.0.1\nserver=/std.example/#\nserver=/none.example/\nlocal=/local.example/\n" +
				"address=/ads.example/0.0.0.0\naddress=/ads2.example/#\naddress=/nas.example/10.0.0.9\n192.168.1.9 printer.example\n"},
			up: map[string]script{"up": dnstest.Zone("nothing.nothing. 60 IN TXT x")}, steps: []step{
				{do: counted(4, 4, 0), q: "corp.example A", want: "NXDOMAIN | SOA 60"},
				{q: "std.example A", want: "NXDOMAIN | SOA 60"},
				{q: "nas.example A", want: "NXDOMAIN | SOA 60"},
				{q: "printer.example A", want: "NXDOMAIN | SOA 60"},
				{q: "none.example A", want: "NOERROR | none.example. 600 A 0.0.0.0 | EDE 15"},
				{q: "local.example A", want: "NOERROR | local.example. 600 A 0.0.0.0 | EDE 15"},
				{q: "ads.example A", want: "NOERROR | ads.example. 600 A 0.0.0.0 | EDE 15"},
				{q: "x.ads2.example A", want: "NOERROR | x.ads2.example. 600 A 0.0.0.0 | EDE 15"},
			}},
		{id: "L7", name: "TestCase22 a page is no list", yaml: `lists: {l: {deny: ["$DIR/l.txt", "$WEB/l"]}}`,
			files: map[string]string{"l.txt": "<!DOCTYPE html>\n<body>\nlogin\nads.example\n</body>\n"},
			web:   map[string]page{"/l": {text: "\n\n<html>\nads.example\n"}}, up: map[string]script{"up": dnstest.Zone("nothing.nothing. 60 IN TXT x")}, steps: []step{
				{do: all(counted(0, 0, 0), refresh(true, "HTML")), q: "ads.example A", want: "NXDOMAIN | SOA 60"},
				{q: "login A", want: "NXDOMAIN | SOA 60"},
			}},
		{id: "P8", name: "TestCase26 a query of another class gets no record of ours", yaml: `
records: [{name: own.example, addresses: [10.1.2.3]}]
lists: {ads: {deny: ["bad.example\n"]}}`, steps: []step{
			{q: "own.example A +class=CHAOS", want: "REFUSED", asked: "up 0"},
			{q: "own.example A +class=HESIOD", want: "REFUSED"},
			{q: "own.example A +class=ANY", want: "REFUSED"},
			{q: "localhost A +class=ANY", want: "REFUSED"},
			{q: "bad.example A +class=HESIOD", want: "REFUSED"},
			{q: "1.0.0.127.in-addr.arpa PTR +class=CHAOS", want: "REFUSED"},
			{q: "www.example ANY +class=ANY", want: "REFUSED", asked: "up 0"},
		}},
		{id: "P7", name: "lists that are queried over DNS need an exception from rebinding protection", yaml: `rebinding: {allow: [bl.example]}`,
			up: map[string]script{"up": dnstest.Zone("2.0.0.127.bl.example. 300 IN A 127.0.0.2\n2.0.0.127.other.example. 300 IN A 127.0.0.2")}, steps: []step{
				{q: "2.0.0.127.bl.example A", want: "NOERROR | 2.0.0.127.bl.example. 300 A 127.0.0.2"},
				{q: "2.0.0.127.other.example A", want: "NOERROR | SOA 600 | EDE 15"},
			}},
	}
}
