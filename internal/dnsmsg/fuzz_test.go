package dnsmsg_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// FuzzQuery checks that another implementation reads every query that we accept
// as one with the same question.
func FuzzQuery(f *testing.F) {
	f.Add(query(f, dnsmsg.FlagRD, 1, 0))
	f.Add(query(f, 0, 1, 1, 0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8))
	f.Fuzz(func(t *testing.T, msg []byte) {
		var q dnsmsg.Query
		if q.Parse(msg) != dnsmsg.Good {
			return
		}
		m := new(dns.Msg)
		if err := m.Unpack(msg); err != nil && len(m.Question) == 0 {
			return // the other one refuses some records that this parser does not read
		}
		if got := m.Question[0]; got.Qtype != uint16(q.Type) || got.Qclass != uint16(q.Class) {
			t.Fatalf("question %v; want %v %v", got, q.Type, q.Class)
		}
		wire := make([]byte, 300)
		if n, err := dns.PackDomainName(m.Question[0].Name, wire, 0, nil, false); err == nil && !bytes.Equal(wire[:n], q.Name) {
			t.Fatalf("name %q; want %q", q.Name, wire[:n])
		}
	})
}

// FuzzReply checks that, whatever an upstream sends, the rebuilt message is one that
// another implementation reads, has only names that were asked for, and rebuilds
// to itself.
func FuzzReply(f *testing.F) {
	f.Add(answer(f, "a.example", dnsmsg.TypeA, 0, "a.example. 9 IN CNAME b.example.", "b.example. 9 IN A 192.0.2.1"))
	f.Add(answer(f, "a.example", dnsmsg.TypeA, 3, "--", "example. 900 IN SOA a.example. b.example. 1 2 3 4 60"))
	f.Add(answer(f, "a.example", dnsmsg.TypeHTTPS, 0, "a.example. 9 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1"))
	f.Add(answer(f, "a.example", dnsmsg.TypeNAPTR, 0, `a.example. 9 IN NAPTR 1 2 "u" "s" "" b.example.`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) < dnsmsg.HeaderSize+5 {
			return
		}
		end, err := dnsmsg.SkipName(msg, dnsmsg.HeaderSize)
		if err != nil || end+4 > len(msg) {
			return
		}
		asked, _, err := dnsmsg.AppendName(nil, msg, dnsmsg.HeaderSize)
		if err != nil {
			return
		}
		dnsmsg.Lower(asked)
		q := dnsmsg.Question{Name: asked, Type: dnsmsg.Type(int(msg[end])<<8 | int(msg[end+1])), Class: dnsmsg.ClassIN, DO: msg[3]&1 != 0}
		if q.Type == dnsmsg.TypeOPT || q.Type == dnsmsg.TypeANY {
			return
		}
		var p, again dnsmsg.Reply
		if p.Rebuild(msg, &q, nil) != nil {
			return
		}
		if err := again.Rebuild(p.Msg, &q, nil); err != nil {
			t.Fatalf("rebuilding what was rebuilt: %v\n%x", err, p.Msg)
		}
		if !bytes.Equal(p.Msg, again.Msg) {
			t.Fatalf("rebuilt twice is not the same:\n%x\n%x", p.Msg, again.Msg)
		}
		var r dnsmsg.Reader
		if err := r.Read(p.Msg); err != nil {
			t.Fatal(err)
		}
		for rr := (dnsmsg.Record{}); r.Next(&rr); {
			_ = rr.DataText(p.Msg)
		}
		if r.Err() != nil || r.Offset() != len(p.Msg) {
			t.Fatalf("the records end at %d of %d: %v", r.Offset(), len(p.Msg), r.Err())
		}
	})
}

// FuzzName checks that a name survives the conversion to text and back.
func FuzzName(f *testing.F) {
	f.Add("www.example.org")
	f.Add(`a\.b.\200c`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := dnsmsg.ParseName(nil, text)
		if err != nil {
			return
		}
		s := dnsmsg.Text(n)
		if strings.ContainsAny(s, "\t\n\r \x00") {
			t.Fatalf("%q can break a line of a log", s)
		}
		if back, err := dnsmsg.ParseName(nil, s); err != nil || !bytes.Equal(back, n) {
			t.Fatalf("%q is %q, which is %q: %v", text, s, back, err)
		}
	})
}
