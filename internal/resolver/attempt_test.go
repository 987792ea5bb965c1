package resolver_test

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// oldServer does not know EDNS.
func oldServer(then dnstest.Handler) dnstest.Handler {
	return func(x *dnstest.Exchange) {
		if x.Query.IsEdns0() != nil {
			dnstest.Code(dns.RcodeFormatError)(x)
			return
		}
		then(x)
	}
}

// forged sends wrong answers before the right one: another id, another question,
// no answer at all, half a message.
func forged(then dnstest.Handler) dnstest.Handler {
	return func(x *dnstest.Exchange) {
		if x.UDP {
			good := dnstest.Pack(x.Reply(x.Query.Question[0].Name + " 300 IN A 203.0.113.66"))
			for _, change := range []func(b []byte) []byte{
				func(b []byte) []byte { binary.BigEndian.PutUint16(b, x.Query.Id+1); return b },
				func(b []byte) []byte { b[13] ^= 1; return b },
				func(b []byte) []byte { b[2] &^= 0x80; return b },
				func(b []byte) []byte { return b[:11] },
			} {
				x.Send(change(append([]byte(nil), good...)))
			}
		}
		then(x)
	}
}

// hangUp closes the connection, or says nothing over UDP.
func hangUp(x *dnstest.Exchange) {
	if x.Conn != nil {
		_ = x.Conn.Close()
	}
}

// attemptRows hold how often an upstream is asked, and how.
func attemptRows() []row {
	const late = "timeout: 2s\nbudget: 1m\n" // for what does not answer, and for the next one to do so
	const good = "NOERROR | www.example. 300 A 93.184.216.34"
	const strict = "strategy: strict\nupstreams: {default: [\"udp://$up\", \"udp://$other\"]}\n"
	up := func(s dnstest.Handler) map[string]dnstest.Handler { return map[string]dnstest.Handler{"up": s} }
	return []row{
		{id: "U1", name: "the third attempt may have the answer", yaml: late, up: up(dnstest.First(2, dnstest.Silent, dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, asked: "up 3"},
		}},
		{id: "U1", name: "there is no fourth attempt", yaml: late, up: up(dnstest.Silent), steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22", asked: "up 3", check: func(r *reply) {
				if r.w.ups["up"].Last().Id == r.query.msg.Id && r.query.msg.Id != 0 {
					r.errorf("the id of the client, %d, went upstream; it is for us to choose one", r.query.msg.Id)
				}
			}},
		}},
		{id: "U1", name: "a failure that was is not asked for again at once", up: up(dnstest.First(3, dnstest.Code(dns.RcodeServerFailure), dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22", asked: "up 3"},
			{q: "www.example A", want: "SERVFAIL | EDE 22", log: "ERROR | ERROR (the upstreams failed a moment ago)", asked: "up 3"},
			{q: "other.example A", want: "NOERROR | other.example. 300 A 93.184.216.35", asked: "up 4"},
		}},
		{id: "U1", name: "SERVFAIL is an error", up: up(dnstest.First(1, dnstest.Code(dns.RcodeServerFailure), dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, asked: "up 2"},
		}},
		{id: "U1", name: "REFUSED is an error", up: up(dnstest.Code(dns.RcodeRefused)), steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22", asked: "up 3"},
		}},
		{id: "U1", name: "a server that does not know EDNS is asked without", up: up(oldServer(dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, asked: "up 2"},
		}},
		{id: "U1", name: "what is cut off is asked for over TCP", up: up(dnstest.Truncate(dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, asked: "up 2"},
		}},
		{id: "U1", name: "what is cut off and fails over TCP is asked of another", yaml: strict,
			up: map[string]dnstest.Handler{"up": dnstest.Truncate(hangUp), "other": dnstest.Zone(world0)}, steps: []step{
				{q: "www.example A", want: good, log: "RESOLVED | RESOLVED (udp://$other)"},
			}},
		{id: "U1", name: "over TCP only", yaml: `upstreams: {default: ["tcp://$up"]}`, steps: []step{
			{q: "www.example A", want: good, log: "RESOLVED | RESOLVED (tcp://$up)"},
			{q: "other.example A", want: "NOERROR | other.example. 300 A 93.184.216.35", asked: "up 2"},
		}},
		{id: "U1", name: "a connection that ends is made again", yaml: `upstreams: {default: ["tcp://$up"]}`, up: up(dnstest.First(1, hangUp, dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, asked: "up 2"},
		}},
		{id: "U1", name: "wrong answers do not end the wait for the right one", up: up(forged(dnstest.Zone(world0))), steps: []step{
			{q: "www.example A", want: good, asked: "up 1"},
		}},
		{id: "U1", name: "letters of random case where that is wanted", yaml: "mix_case: true", steps: []step{
			{q: "a-name-with-many-letters-in-it.www.example A", want: "NXDOMAIN | SOA 60", check: func(r *reply) {
				if name := r.w.ups["up"].Last().Question[0].Name; name == r.query.msg.Question[0].Name {
					r.errorf("the upstream was asked for %s; want letters of random case", name)
				}
			}},
			{q: "WWW.example A", want: "NOERROR | WWW.example. 300 A 93.184.216.34"},
		}},
		{id: "U1", name: "a timeout above the budget is refused", yaml: "timeout: 5s\nbudget: 4s", fails: "is not within 50ms and the budget"},
		{id: "U1", name: "an unknown protocol is refused", yaml: `upstreams: {default: ["quic://192.0.2.1"]}`, fails: `the protocol "quic" is not known`},
	}
}
