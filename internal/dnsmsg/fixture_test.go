package dnsmsg_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// name returns the wire form of a name.
func name(t testing.TB, text string) []byte {
	t.Helper()
	n, err := dnsmsg.ParseName(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// answer packs an answer with the help of another implementation. The records of
// the authority section stand behind "--".
func answer(t testing.TB, question string, qtype dnsmsg.Type, rcode int, records ...string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(question), uint16(qtype))
	m.Response, m.Rcode, m.Compress = true, rcode, true
	to := &m.Answer
	for _, text := range records {
		if text == "--" {
			to = &m.Ns
			continue
		}
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		*to = append(*to, rr)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// records returns the answers of a message as another implementation prints them.
func records(t testing.TB, msg []byte) (out []string) {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("what was rebuilt does not unpack: %v", err)
	}
	for _, rr := range append(m.Answer, m.Ns...) {
		out = append(out, rr.String())
	}
	return out
}
