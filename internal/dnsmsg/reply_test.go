package dnsmsg_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

func TestReply_Rebuild(t *testing.T) {
	t.Parallel()
	long := []string{}
	for i := range 20 {
		long = append(long, fmt.Sprintf("c%d.example. 60 IN CNAME c%d.example.", i, i+1))
	}
	for _, tt := range []struct {
		name, question string
		qtype          dnsmsg.Type
		rcode          int
		zone           string
		in             []string
		want           []string
		ttl            uint32
		negative       bool
		outside        string
		err            error
	}{
		{name: "addresses", question: "www.example", qtype: dnsmsg.TypeA,
			in:   []string{"www.example. 300 IN A 192.0.2.1", "www.example. 200 IN A 192.0.2.2"},
			want: []string{"www.example.\t200\tIN\tA\t192.0.2.1", "www.example.\t200\tIN\tA\t192.0.2.2"}, ttl: 200},
		{name: "the case of names does not matter", question: "www.example", qtype: dnsmsg.TypeA,
			in: []string{"WWW.Example. 300 IN A 192.0.2.1"}, want: []string{"www.example.\t300\tIN\tA\t192.0.2.1"}, ttl: 300},
		{name: "a chain in the wrong order", question: "a.example", qtype: dnsmsg.TypeA,
			in: []string{"c.example. 30 IN A 192.0.2.1", "b.example. 40 IN CNAME c.example.", "a.example. 50 IN CNAME b.example."},
			want: []string{"a.example.\t50\tIN\tCNAME\tb.example.", "b.example.\t40\tIN\tCNAME\tc.example.",
				"c.example.\t30\tIN\tA\t192.0.2.1"}, ttl: 30},
		{name: "names that were not asked for are left out", question: "www.example", qtype: dnsmsg.TypeA,
			in:   []string{"bank.example. 9999 IN A 203.0.113.66", "www.example. 300 IN A 192.0.2.1"},
			want: []string{"www.example.\t300\tIN\tA\t192.0.2.1"}, ttl: 300},
		{name: "a chain that leaves the zone of its server", question: "a.lan", qtype: dnsmsg.TypeA, zone: "lan",
			in:   []string{"a.lan. 60 IN CNAME bank.example.", "bank.example. 60 IN A 203.0.113.66"},
			want: []string{"a.lan.\t60\tIN\tCNAME\tbank.example."}, ttl: 60, outside: "bank.example"},
		{name: "a name that does not exist", question: "no.example", qtype: dnsmsg.TypeA, rcode: 3, negative: true, ttl: 60,
			in:   []string{"--", "example. 900 IN SOA a.example. b.example. 1 2 3 4 60"},
			want: []string{"example.\t60\tIN\tSOA\ta.example. b.example. 1 2 3 4 60"}},
		{name: "a SOA of another zone proves nothing", question: "no.example", qtype: dnsmsg.TypeA, rcode: 3, negative: true,
			in: []string{"--", "other. 900 IN SOA a.other. b.other. 1 2 3 4 60"}},
		{name: "no data at the end of a chain", question: "a.example", qtype: dnsmsg.TypeAAAA, negative: true, ttl: 30,
			in:   []string{"a.example. 300 IN CNAME b.test.", "--", "test. 30 IN SOA a.test. b.test. 1 2 3 4 60"},
			want: []string{"a.example.\t300\tIN\tCNAME\tb.test.", "test.\t30\tIN\tSOA\ta.test. b.test. 1 2 3 4 60"}},
		{name: "names in the data are written out", question: "example", qtype: dnsmsg.TypeMX, ttl: 60,
			in: []string{"example. 60 IN MX 10 mail.example."}, want: []string{"example.\t60\tIN\tMX\t10 mail.example."}},
		{name: "a loop", question: "a.example", qtype: dnsmsg.TypeA, err: dnsmsg.ErrLoop,
			in: []string{"a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example."}},
		{name: "a chain without end", question: "c0.example", qtype: dnsmsg.TypeA, err: dnsmsg.ErrChain, in: long},
		{name: "two aliases of one name", question: "a.example", qtype: dnsmsg.TypeA, err: dnsmsg.ErrMalformed,
			in: []string{"a.example. 60 IN CNAME b.example.", "a.example. 60 IN CNAME c.example."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			msg := answer(t, tt.question, tt.qtype, tt.rcode, tt.in...)
			q := dnsmsg.Question{Name: name(t, tt.question), Type: tt.qtype, Class: dnsmsg.ClassIN}
			var zone []byte
			if tt.zone != "" {
				zone = name(t, tt.zone)
			}
			var p dnsmsg.Reply
			err := p.Rebuild(msg, &q, zone)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Rebuild = %v; want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, records(t, p.Msg)); diff != "" {
				t.Errorf("records mismatch (-want +got):\n%s", diff)
			}
			if p.Negative != tt.negative || p.TTL != tt.ttl {
				t.Errorf("negative %v, TTL %d; want %v, %d", p.Negative, p.TTL, tt.negative, tt.ttl)
			}
			if got := dnsmsg.Text(p.Outside); tt.outside != "" && got != tt.outside {
				t.Errorf("Outside = %q; want %q", got, tt.outside)
			}
		})
	}
}

func TestReply_Rebuild_hostile(t *testing.T) {
	t.Parallel()
	head := func(answers int) []byte {
		b := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 0, dnsmsg.FlagQR), name(t, "a.example"), dnsmsg.TypeA, dnsmsg.ClassIN)
		dnsmsg.SetCounts(b, 1, answers, 0, 0)
		return b
	}
	for _, tt := range []struct {
		name string
		msg  []byte
	}{
		{"65535 answers claimed, none there", head(65535)},
		{"data that claims to be longer than the message", append(head(1), 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0xFF, 0xFF, 1)},
		{"a pointer to itself", append(head(1), 0xC0, byte(len(head(1))), 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4)},
		{"an address of three bytes", append(head(1), 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := dnsmsg.Question{Name: name(t, "a.example"), Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN}
			var p dnsmsg.Reply
			if err := p.Rebuild(tt.msg, &q, nil); err == nil && len(records(t, p.Msg)) > 0 {
				t.Errorf("records = %v; want none", records(t, p.Msg))
			}
		})
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	sent := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 7, dnsmsg.FlagRD), name(t, "a.example"), dnsmsg.TypeA, dnsmsg.ClassIN)
	dnsmsg.SetCounts(sent, 1, 0, 0, 0)
	reply := func(change func(b []byte)) []byte {
		b := append([]byte(nil), sent...)
		b[2] |= 0x80
		change(b)
		return b
	}
	for _, tt := range []struct {
		name string
		msg  []byte
		want bool
	}{
		{"the answer", reply(func([]byte) {}), true},
		{"another id", reply(func(b []byte) { b[1]++ }), false},
		{"no answer", reply(func(b []byte) { b[2] &^= 0x80 }), false},
		{"another name", reply(func(b []byte) { b[13] = 'b' }), false},
		{"another case", reply(func(b []byte) { b[13] = 'A' }), false},
		{"another type", reply(func(b []byte) { b[len(b)-3] = 28 }), false},
		{"no question", reply(func(b []byte) { b[5] = 0 }), false},
		{"short", sent[:11], false},
	} {
		if got := dnsmsg.Matches(tt.msg, sent); got != tt.want {
			t.Errorf("%s: Matches = %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{"www.Example.org", "www.Example.org"}, {"www.example.org.", "www.example.org"}, {".", "."},
		{`a\.b.c`, `a\.b.c`}, {`tab\009.c`, `tab\009.c`}, {"ü.de", `\195\188.de`},
	} {
		if got := dnsmsg.Text(name(t, tt.in)); got != tt.want {
			t.Errorf("ParseName(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
	for _, bad := range []string{"", "..", "a..b", ".a", strings.Repeat("a", 64), strings.Repeat("abcdefg.", 32) + "x", `a\`, `a\25`, `a\999`} {
		if n, err := dnsmsg.ParseName(nil, bad); err == nil {
			t.Errorf("ParseName(%q) = %q; want an error", bad, n)
		}
	}
}
