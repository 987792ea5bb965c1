package dnsmsg_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// query returns a query with a question and what follows it.
func query(t testing.TB, flags uint16, questions, additional int, rest ...byte) []byte {
	t.Helper()
	b := dnsmsg.AppendHeader(nil, 0x1234, flags)
	for range questions {
		b = dnsmsg.AppendQuestion(b, name(t, "WWW.example"), dnsmsg.TypeAAAA, dnsmsg.ClassIN)
	}
	dnsmsg.SetCounts(b, questions, 0, 0, additional)
	return append(b, rest...)
}

func TestQuery_Parse(t *testing.T) {
	opt := func(version, do byte, options ...byte) []byte {
		return append([]byte{0, 0, 41, 0x10, 0, 0, version, do, 0, 0, byte(len(options))}, options...)
	}
	twice := append(opt(0, 0), opt(0, 0)...)
	for _, tt := range []struct {
		name string
		msg  []byte
		want dnsmsg.ParseResult
	}{
		{"plain", query(t, dnsmsg.FlagRD, 1, 0), dnsmsg.Good},
		{"EDNS", query(t, 0, 1, 1, opt(0, 0x80)...), dnsmsg.Good},
		{"an unknown option", query(t, 0, 1, 1, opt(0, 0, 0, 100, 0, 1, 9)...), dnsmsg.Good},
		{"a cookie", query(t, 0, 1, 1, opt(0, 0, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)...), dnsmsg.Good},
		{"a cookie of nine bytes", query(t, 0, 1, 1, opt(0, 0, 0, 10, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9)...), dnsmsg.Malformed},
		{"another version", query(t, 0, 1, 1, opt(1, 0)...), dnsmsg.WrongVersion},
		{"two OPT", query(t, 0, 1, 2, twice...), dnsmsg.Malformed},
		{"an option that ends early", query(t, 0, 1, 1, opt(0, 0, 0, 10, 0, 9)...), dnsmsg.Malformed},
		{"no question", query(t, 0, 0, 0), dnsmsg.Malformed},
		{"two questions", query(t, 0, 2, 0), dnsmsg.Malformed},
		{"a record that is not there", query(t, 0, 1, 1), dnsmsg.Malformed},
		{"an answer", query(t, dnsmsg.FlagQR, 1, 0), dnsmsg.Ignore},
		{"half a header", query(t, 0, 1, 0)[:11], dnsmsg.Ignore},
		{"NOTIFY", query(t, 4<<11, 1, 0), dnsmsg.NotImplemented},
		{"a pointer in the question", append(query(t, 0, 1, 0)[:12], 0xC0, 12, 0, 1, 0, 1), dnsmsg.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var q dnsmsg.Query
			if got := q.Parse(tt.msg); got != tt.want {
				t.Errorf("Parse = %d; want %d", got, tt.want)
			}
			if n := testing.AllocsPerRun(100, func() { q.Parse(tt.msg) }); n != 0 {
				t.Errorf("%v allocations; want 0", n)
			}
		})
	}
}

func TestQuery_Parse_content(t *testing.T) {
	t.Parallel()
	var q dnsmsg.Query
	q.Parse(query(t, dnsmsg.FlagRD, 1, 1, 0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8))
	if q.ID != 0x1234 || dnsmsg.Text(q.Name) != "WWW.example" || dnsmsg.Text(q.Lower()) != "www.example" ||
		q.Type != dnsmsg.TypeAAAA || !q.DO || q.UDPSize != 4096 || len(q.Cookie) != 8 {
		t.Errorf("Parse = %+v", q)
	}
	q.Parse(query(t, 0, 1, 1, 0, 0, 41, 0, 9, 0, 0, 0, 0, 0, 0))
	if q.UDPSize != 512 {
		t.Errorf("UDPSize = %d; want 512 where the client says 9", q.UDPSize)
	}
}
