package resolver_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// addressesOf is a zone with so many addresses of one name.
func addressesOf(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s 300 IN A 93.%d.%d.%d\n", name, i>>16&255, i>>8&255, i&255)
	}
	return b.String()
}

// textsOf is a zone with so many texts of 255 bytes of one name.
func textsOf(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s 300 IN TXT %0255d\n", name, i)
	}
	return b.String()
}

// sizeRows hold how large an answer may be: blocky has no limit of its own over
// UDP, ours is 1232 bytes.
func sizeRows() []row {
	up := map[string]script{"up": dnstest.Zone(addressesOf("many.example.", 40) + addressesOf("more.example.", 100) + textsOf("most.example.", 240))}
	// holds looks at the size of an answer and at how many records it has.
	holds := func(most, records int) func(r *reply) {
		return func(r *reply) {
			r.t.Helper()
			if r.size > most || len(r.Answer) != records || r.Truncated != (records == 0) {
				r.errorf("the answer has %d bytes and %d records, TC %v; want at most %d bytes and %d records", r.size, len(r.Answer), r.Truncated, most, records)
			}
			optionless(r)
		}
	}
	one := func(name, q string, most, records int) row {
		s := step{q: q, check: holds(most, records), want: "any"}
		return row{id: "P4", name: name, up: up, steps: []step{s, s}}
	}
	slow := dnstest.NewGate()
	return []row{
		one("512 bytes without EDNS", "many.example A +noedns", 512, 0),
		one("as many as the client takes", "many.example A +bufsize=1000", 1000, 40),
		one("no more than the client takes", "many.example A +bufsize=600", 600, 0),
		one("no less than 512 bytes", "many.example A +bufsize=100", 512, 0),
		one("no more than 1232 bytes over UDP", "more.example A +bufsize=4096", 1232, 0),
		one("all of it over TCP", "more.example A +tcp", 65535, 100),
		one("all of it over TCP without EDNS", "more.example A +tcp +noedns", 65535, 100),
		one("nearly all that fits TCP", "most.example TXT +tcp", 65535, 240),
		{id: "P4", name: "a blocked name fits where an answer would not", yaml: `lists: {ads: {deny: ["many.example\n"]}}`, up: up, steps: []step{
			{q: "many.example A +noedns", want: "NOERROR | many.example. 600 A 0.0.0.0"},
		}},
		{id: "P4", name: "answers over one connection come as they are ready",
			up: map[string]script{"up": dnstest.Named("slow.example.", slow.Hold(dnstest.Zone(world0)), dnstest.Zone(world0))}, steps: []step{
				{do: outOfOrder(slow)},
			}},
		{id: "P5", name: "DNS over HTTPS for clients", skip: "clients are served over UDP and TCP only: the way from a qube to its netvm is no open network"},
	}
}

// outOfOrder sends two queries at once and wants the answer to the second first;
// only then the upstream answers the first.
func outOfOrder(slow *dnstest.Gate) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		c := w.dial(t, "", true)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(longWait))
		var out []byte
		for i, name := range []string{"slow.example.", "www.example."} {
			m := new(dns.Msg).SetQuestion(name, dns.TypeA)
			m.Id = uint16(i)
			packed := dnstest.Pack(m)
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(packed))), packed...)
		}
		if _, err := c.Write(out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []uint16{1, 0} {
			var head [4]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				t.Fatal(err)
			}
			if id := binary.BigEndian.Uint16(head[2:]); id != want {
				t.Errorf("the answer to query %d came; want that to %d", id, want)
			}
			if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint16(head[:]))-2); err != nil {
				t.Fatal(err)
			}
			slow.Open()
		}
	}
}

// probeRows hold what any resolver owes to odd queries (RFC 8906 and others).
func probeRows() []row {
	const answer = "NOERROR | example.com. ~300 A 93.184.216.34"
	one := func(name string, steps ...step) row { return row{id: "P4", name: name, generic: true, steps: steps} }
	edns := func(want bool, version uint8) func(r *reply) {
		return func(r *reply) {
			r.t.Helper()
			o := r.IsEdns0()
			if (o != nil) != want {
				r.errorf("the answer has EDNS: %v; want %v", o != nil, want)
				return
			}
			if o != nil && (o.Version() != version || o.Hdr.Ttl&0x7FFF != 0) {
				r.errorf("the answer has EDNS version %d and flags %#x; want version %d and no unknown flag", o.Version(), o.Hdr.Ttl&0x7FFF, version)
			}
		}
	}
	return []row{
		one("without EDNS", step{q: "example.com A +noedns", want: answer, check: edns(false, 0)}),
		one("with EDNS", step{q: "example.com A", want: answer, check: edns(true, 0)}),
		one("a later version of EDNS", step{q: "example.com A +edns=1", want: "BADVERS", check: edns(true, 0)}),
		one("a later version of EDNS with an option", step{q: "example.com A +edns=100 +opt=100", want: "BADVERS", check: noOption(100)}),
		one("an unknown option is not repeated", step{q: "example.com A +opt=65001", want: answer, check: noOption(65001)}),
		one("an unknown flag is not repeated", step{q: "example.com A +z", want: answer, check: edns(true, 0)}),
		one("the wish for signatures is repeated", step{q: "example.com A +do", want: answer, check: func(r *reply) {
			if o := r.IsEdns0(); o == nil || !o.Do() {
				r.errorf("the answer has no DO; want it as in the query")
			}
		}}),
		one("two OPT records", step{q: "example.com A +twice", want: "FORMERR"}),
		one("a cookie is not needed", step{q: "example.com A", want: answer, check: noOption(dns.EDNS0COOKIE)}),
		one("a cookie is answered with its own eight bytes", step{q: "example.com A +cookie=0102030405060708", want: answer, check: func(r *reply) {
			for _, o := range options(r) {
				if c, ok := o.(*dns.EDNS0_COOKIE); ok && !strings.HasPrefix(c.Cookie, "0102030405060708") {
					r.errorf("the cookie is %s; want the client's at its beginning", c.Cookie)
				}
			}
		}}),
		one("a cookie of a wrong length", step{q: "example.com A +cookie=010203", want: "FORMERR"}),
		one("TCP", step{q: "example.com A +tcp", want: answer}, step{q: "example.com A +tcp +noedns", want: answer, check: edns(false, 0)}),
		one("an unknown type", step{q: "example.com TYPE1000", want: "NOERROR | SOA ~60"}),
		one("an unknown opcode", step{q: "example.com A +opcode=15", want: "NOTIMP"}),
		one("NOTIFY and UPDATE are not for us", step{q: "example.com SOA +opcode=4", want: "NOTIMP"}, step{q: "example.com SOA +opcode=5", want: "NOTIMP"}),
		one("no question", step{q: "example.com A +qdcount=0", want: "FORMERR"}),
		one("two questions", step{q: "example.com A +qdcount=2", want: "FORMERR"}),
		one("an answer is not answered", step{q: "example.com A +qr +soon", want: "silence", log: "none"}),
		one("a message that ends early", step{q: "example.com A +cut=7", want: "FORMERR"}, step{q: "example.com A +noedns +cut=3", want: "FORMERR"}),
		one("less than a header is not answered", step{q: "example.com A +noedns +cut=20 +soon", want: "silence", log: "none"}),
		one("ANY has one record (RFC 8482)", step{q: "example.com ANY", want: `NOERROR | example.com. 3600 HINFO "RFC8482" ""`, check: func(r *reply) {
			if len(r.Answer) != 1 {
				r.errorf("the answer has %d records; want one", len(r.Answer))
			}
		}}),
		one("transfers of zones are refused", step{q: "example.com AXFR +tcp", want: "REFUSED"}, step{q: "example.com IXFR", want: "REFUSED"}),
		one("the server does not identify itself", step{q: "version.bind TXT +class=CHAOS", want: "REFUSED"}, step{q: "id.server TXT +class=CHAOS", want: "REFUSED"}),
		one("the question comes back letter by letter", step{q: "eXaMpLe.CoM A", want: "NOERROR | eXaMpLe.CoM. ~300 A 93.184.216.34"}),
		one("an id of 0", step{q: "example.com A +id=0", want: answer}),
		one("flags", step{q: "example.com A", want: answer, check: flags(true)}, step{q: "example.com A +cd", want: answer, check: flags(true)}),
		one("no wish for recursion", step{q: "example.com A +nord", want: answer, check: flags(false)}),
	}
}

// noOption holds that an answer does not have an option.
func noOption(code uint16) func(r *reply) {
	return func(r *reply) {
		r.t.Helper()
		for _, o := range options(r) {
			if o.Option() == code {
				r.errorf("the answer has the option %d; want it without", code)
			}
		}
	}
}

func options(r *reply) []dns.EDNS0 {
	if o := r.IsEdns0(); o != nil {
		return o.Option
	}
	return nil
}

// flags holds which flags of the header an answer has.
func flags(recursion bool) func(r *reply) {
	return func(r *reply) {
		r.t.Helper()
		if !r.RecursionAvailable || r.Authoritative || r.RecursionDesired != recursion || r.CheckingDisabled != r.query.msg.CheckingDisabled {
			r.errorf("the flags are RA %v, AA %v, RD %v, CD %v; want RA, no AA, and RD and CD of the query", r.RecursionAvailable, r.Authoritative,
				r.RecursionDesired, r.CheckingDisabled)
		}
	}
}
