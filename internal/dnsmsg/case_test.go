package dnsmsg_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// TestCase26_upstream rebuilds answers that have a record several times, or records
// of another class than asked for.
func TestCase26_upstream(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		qtype dnsmsg.Type
		do    bool
		in    []string
		want  []string
	}{
		{name: "addresses", qtype: dnsmsg.TypeA,
			in:   []string{"a.example. 60 IN A 192.0.2.1", "A.example. 50 IN A 192.0.2.1", "a.example. 60 IN A 192.0.2.2", "a.example. 60 IN A 192.0.2.1"},
			want: []string{"a.example.\t50\tIN\tA\t192.0.2.1", "a.example.\t50\tIN\tA\t192.0.2.2"}},
		{name: "an alias", qtype: dnsmsg.TypeA,
			in:   []string{"a.example. 60 IN CNAME b.example.", "b.example. 60 IN A 192.0.2.1", "a.example. 60 IN CNAME B.example.", "b.example. 60 IN A 192.0.2.1"},
			want: []string{"a.example.\t60\tIN\tCNAME\tb.example.", "b.example.\t60\tIN\tA\t192.0.2.1"}},
		{name: "a pointer", qtype: dnsmsg.TypePTR, in: []string{"a.example. 60 IN PTR b.example.", "a.example. 60 IN PTR B.EXAMPLE."},
			want: []string{"a.example.\t60\tIN\tPTR\tb.example."}},
		{name: "texts whose case matters", qtype: dnsmsg.TypeTXT, in: []string{`a.example. 60 IN TXT "x"`, `a.example. 60 IN TXT "X"`, `a.example. 60 IN TXT "x"`},
			want: []string{"a.example.\t60\tIN\tTXT\t\"x\"", "a.example.\t60\tIN\tTXT\t\"X\""}},
		{name: "a proof", qtype: dnsmsg.TypeA, do: true,
			in: []string{"--", "example. 60 IN SOA a.example. b.example. 1 2 3 4 60", "example. 60 IN SOA a.example. b.example. 1 2 3 4 60",
				"a.example. 60 IN NSEC b.example. TXT", "a.example. 60 IN NSEC b.example. TXT", "c.example. 60 IN NSEC b.example. TXT"},
			want: []string{"example.\t60\tIN\tSOA\ta.example. b.example. 1 2 3 4 60", "a.example.\t60\tIN\tNSEC\tb.example. TXT", "c.example.\t60\tIN\tNSEC\tb.example. TXT"}},
		{name: "an address of another class", qtype: dnsmsg.TypeA, in: []string{"a.example. 60 CH A 192.0.2.1", "a.example. 60 IN A 192.0.2.2", "a.example. 60 HS A 192.0.2.3"},
			want: []string{"a.example.\t60\tIN\tA\t192.0.2.2"}},
		{name: "an alias of another class before ours", qtype: dnsmsg.TypeA,
			in:   []string{"a.example. 60 CH CNAME bad.example.", "a.example. 60 IN CNAME good.example.", "good.example. 60 IN A 192.0.2.1", "bad.example. 60 IN A 192.0.2.66"},
			want: []string{"a.example.\t60\tIN\tCNAME\tgood.example.", "good.example.\t60\tIN\tA\t192.0.2.1"}},
		{name: "a DNAME of another class", qtype: dnsmsg.TypeA,
			in:   []string{"example. 60 CH DNAME test.", "a.example. 60 IN CNAME a.test.", "a.test. 60 IN A 192.0.2.1"},
			want: []string{"a.example.\t60\tIN\tCNAME\ta.test.", "a.test.\t60\tIN\tA\t192.0.2.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var p dnsmsg.Reply
			q := dnsmsg.Question{Name: name(t, "a.example"), Type: tt.qtype, Class: dnsmsg.ClassIN, DO: tt.do}
			for range 2 { // with the memory of the first time
				if err := p.Rebuild(answer(t, "a.example", tt.qtype, 0, tt.in...), &q, nil); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, records(t, p.Msg)); diff != "" {
					t.Errorf("records mismatch (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestReply_Rebuild_large bounds the time that a large answer takes, most of whose
// records are the same or almost the same.
func TestReply_Rebuild_large(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 1000} {
		var in []string
		for i := range 1000 {
			in = append(in, fmt.Sprintf("a.example. 60 IN A 192.0.%d.%d", i%n/256, i%n%256))
		}
		msg := answer(t, "a.example", dnsmsg.TypeA, 0, in...)
		q := dnsmsg.Question{Name: name(t, "a.example"), Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN}
		var p dnsmsg.Reply
		begin := time.Now()
		if err := p.Rebuild(msg, &q, nil); err != nil || len(p.TTLs) != n {
			t.Errorf("Rebuild = %v with %d records; want %d", err, len(p.TTLs), n)
		}
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("Rebuild of %d different records took %v", n, took)
		} else {
			t.Logf("%d different records: %v", n, took)
		}
	}
}
