package resolver_test

import (
	"net/http"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// secureRows hold what an upstream over HTTPS may get wrong, and that it is
// an error then, with the next upstream in its place.
func secureRows() []row {
	const good = "NOERROR | www.example. 300 A 93.184.216.34"
	const alone = "ca_file: \"$CA\"\nupstreams: {default: [\"https://$doh/dns-query#dns.example\"]}"
	const both = "ca_file: \"$CA\"\nstrategy: strict\nupstreams: {default: [\"https://$doh/dns-query#dns.example\", \"udp://$up\"]}"
	message := func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Content-Type", "application/dns-message")
		_, _ = w.Write(body)
	}
	// served is a server that finishes its answers in some way, right or wrong.
	served := func(finish func(w http.ResponseWriter, body []byte)) map[string]server {
		return map[string]server{"doh": doh(dnstest.Zone(world0), finish)}
	}
	list := []row{
		{id: "U2", name: "an answer over HTTPS", yaml: alone, servers: served(message), steps: []step{
			{q: "www.example A", want: good, log: "RESOLVED | RESOLVED (https://$doh/dns-query#dns.example)"},
			{q: "none.example A", want: "NXDOMAIN | SOA 60"},
			{q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34", log: "CACHED | CACHED", asked: "up 0"},
		}},
		{id: "U2", name: "a server whose certificate is for another name", yaml: `
ca_file: "$CA"
upstreams: {default: ["https://$doh/dns-query#other.example"]}`, servers: served(message), steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
		}},
		{id: "U2", name: "an untrusted authority", yaml: `upstreams: {default: ["https://$doh/dns-query#dns.example"]}`, servers: served(message), steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
		}},
		{id: "U2", name: "a server by name, which others know the address of", yaml: `
ca_file: "$CA"
bootstrap: ["udp://$up"]
upstreams: {default: ["https://dns.example:$PORT/dns-query"]}`, servers: served(message), up: map[string]script{"up": dnstest.Zone("dns.example. 300 IN A 127.0.0.1")}, steps: []step{
			{q: "www.example A", want: good, asked: "up 2"}, // its A and AAAA records
		}},
		{id: "U2", name: "a server by a name without a known address", yaml: `upstreams: {default: ["https://dns.example/dns-query"]}`, fails: "the address of dns.example is not known"},
	}
	for _, tt := range []struct {
		name   string
		finish func(w http.ResponseWriter, body []byte)
	}{
		{"a wrong status", func(w http.ResponseWriter, _ []byte) { http.Error(w, "no", http.StatusInternalServerError) }},
		{"a redirection", func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
		}},
		{"a wrong type of content", func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write(body)
		}},
		{"no message", func(w http.ResponseWriter, _ []byte) { message(w, []byte("<html>no message</html>")) }},
		{"half a message", func(w http.ResponseWriter, body []byte) { message(w, body[:len(body)-3]) }},
		{"the answer to another question", func(w http.ResponseWriter, body []byte) { body[13] ^= 1; message(w, body) }},
		{"SERVFAIL", func(w http.ResponseWriter, body []byte) { body[3] |= byte(dns.RcodeServerFailure); message(w, body) }},
		{"no answer", nil},
	} {
		limit := ""
		if tt.finish == nil {
			limit = "timeout: 2s\n" // so that the next one is asked, and has as much
		}
		list = append(list, row{id: "U2", name: tt.name + " lets another be asked", yaml: limit + both, servers: served(tt.finish), steps: []step{
			{q: "www.example A", want: good, log: "RESOLVED | RESOLVED (udp://$up)"},
		}}, row{id: "U2", name: tt.name + " is an error", yaml: limit + alone, servers: served(tt.finish), steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
		}})
	}
	return list
}

// pinRows hold which keys an upstream over TLS may have.
func pinRows() []row {
	a := trust()
	const good, bad = "NOERROR | www.example. 300 A 93.184.216.34", "SERVFAIL | EDE 22"
	one := func(name, pins, want string, chain ...identity) row {
		if chain == nil {
			chain = []identity{a.server, a.middle}
		}
		return row{id: "U3", name: name, yaml: "ca_file: \"$CA\"\nupstreams: {default: [\"tls://$dot#dns.example" + pins + "\"]}",
			servers: map[string]server{"dot": dot(dnstest.Zone(world0), chain...)}, steps: []step{{q: "www.example A", want: want}}}
	}
	return []row{
		one("without a pin the certificate has to be good", "", good),
		one("without a pin an unknown authority is not", "", bad, a.other),
		one("the key of the server", ";"+a.server.pin(), good),
		one("the key of an authority in between", ";"+a.middle.pin(), good),
		one("the key of the root, which servers do not send", ";"+a.root.pin(), good),
		one("one of several", ";"+a.other.pin()+";"+a.server.pin(), good),
		one("none of several", ";"+a.other.pin()+";pin-sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", bad),
		one("the right key does not make up for an unknown authority", ";"+a.other.pin(), bad, a.other),
		// A certificate is no secret: a server with any valid chain can send the pinned
		// one along (RFC 7469 section 2.6 looks at the chain that was verified).
		one("the key of a certificate that has no part in the chain", ";"+a.other.pin(), bad, a.server, a.middle, a.other),
		{id: "U3", name: "a hash of another length is refused", yaml: `upstreams: {default: ["tls://127.0.0.1#dns.example;pin-sha256=AAAA"]}`, fails: "32 bytes"},
		{id: "U3", name: "a hash where there is no certificate is refused", yaml: `upstreams: {default: ["udp://127.0.0.1#;` + a.server.pin() + `"]}`, fails: "only tls and https have a certificate"},
	}
}
