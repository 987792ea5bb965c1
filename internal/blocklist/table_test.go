package blocklist_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// build makes a table of lists; the number of a list is that of its source.
func build(t testing.TB, lists ...string) *blocklist.Table {
	t.Helper()
	b := blocklist.NewBuilder(0)
	for i, text := range lists {
		if _, err := blocklist.Parse(strings.NewReader(text), blocklist.Options{},
			func(r *blocklist.Rule) error { return b.Add(blocklist.Source(i), r) }); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func sources(n ...blocklist.Source) *blocklist.Set {
	var s blocklist.Set
	for _, n := range n {
		s.Add(n)
	}
	return &s
}

func wire(t testing.TB, text string) []byte {
	t.Helper()
	n, err := dnsmsg.ParseName(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTable_Name(t *testing.T) {
	table := build(t, "a.test\n*.tree.test\n/ad[0-9]+\\./", "a.test\nb.test", "*.test")
	for _, tt := range []struct {
		name string
		from *blocklist.Set
		want string // the rule, "" for none
	}{
		{"a.test", sources(0), "a.test"},
		{"x.a.test", sources(0), ""},
		{"a.test", sources(1), "a.test"},
		{"b.test", sources(0), ""},
		{"b.test", sources(0, 1), "b.test"},
		{"tree.test", sources(0), "*.tree.test"},
		{"x.y.tree.test", sources(0), "*.tree.test"},
		{"xtree.test", sources(0), ""},
		{"b.test", sources(2), "*.test"},
		{"ad17.example", sources(0), `/ad[0-9]+\./`},
		{"ad17.example", sources(1), ""},
		{".", sources(0, 1, 2), ""},
		{"test", sources(0, 1), ""},
	} {
		n := wire(t, tt.name)
		h, ok := table.Name(n, tt.from)
		if got := h.Rule(n); ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("Name(%s) = %q, %v; want %q", tt.name, got, ok, tt.want)
		}
		if tt.from.Has(0) {
			continue
		}
		if allocs := testing.AllocsPerRun(100, func() { table.Name(n, tt.from) }); allocs != 0 && !strings.HasPrefix(tt.name, "ad") {
			t.Errorf("Name(%s): %v allocations", tt.name, allocs)
		}
	}
	if _, ok := (*blocklist.Table)(nil).Name(wire(t, "a.test"), sources(0)); ok {
		t.Error("a nil table has rules")
	}
}

func TestTable_Addr(t *testing.T) {
	t.Parallel()
	table := build(t, "192.0.2.1\n198.51.100.0/24", "192.0.2.1\n2001:db8::/32")
	for _, tt := range []struct {
		addr string
		from *blocklist.Set
		want string
	}{
		{"192.0.2.1", sources(1), "192.0.2.1"}, {"::ffff:192.0.2.1", sources(0), "192.0.2.1"},
		{"198.51.100.255", sources(0), "198.51.100.0/24"}, {"198.51.101.0", sources(0), ""},
		{"2001:db8::9", sources(0), ""}, {"2001:db8::9", sources(0, 1), "2001:db8::/32"},
	} {
		h, ok := table.Addr(netip.MustParseAddr(tt.addr), tt.from)
		if ok != (tt.want != "") || h.Text != tt.want {
			t.Errorf("Addr(%s) = %q; want %q", tt.addr, h.Text, tt.want)
		}
	}
}

// million is a list of as many names, of some 20 letters each.
func million() string {
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "host%d.tracker%d.example\n", i, i%5000)
	}
	return b.String()
}

// TestTable_million checks the promise of the documentation: the memory of a million
// names, and that all of them and no others are found.
func TestTable_million(t *testing.T) {
	text := million()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, start := heap(), time.Now()
	table := build(t, text)
	took := time.Since(start)
	used := heap() - before
	t.Logf("%d rules in %v, %.1f MB", table.Len(), took, float64(used)/1e6)
	if used > 16_000_000 || table.Len() != 1_000_000 {
		t.Errorf("%d rules take %d bytes; want a million in 16 MB at most", table.Len(), used)
	}
	if took > 30*time.Second { // 1 s on a quiet machine
		t.Errorf("loading took %v; want a few seconds", took)
	}
	from := sources(0)
	for i := range 1_000_000 {
		if i%97 != 0 {
			continue
		}
		if _, ok := table.Name(wire(t, fmt.Sprintf("host%d.tracker%d.example", i, i%5000)), from); !ok {
			t.Fatalf("name %d is not found", i)
		}
		if _, ok := table.Name(wire(t, fmt.Sprintf("host%d.tracker%d.example", i, i%5000+5000)), from); ok {
			t.Fatalf("name %d is found and should not be", i)
		}
	}
	runtime.KeepAlive(table)
	runtime.KeepAlive(text)
}

func BenchmarkTable_Name(b *testing.B) {
	table := build(b, million())
	from := sources(0)
	for _, bb := range []struct{ name, host string }{{"hit", "host77.tracker77.example"}, {"miss", "www.some.host.example.org"}} {
		b.Run(bb.name, func(b *testing.B) {
			n := wire(b, bb.host)
			b.ReportAllocs()
			for b.Loop() {
				table.Name(n, from)
			}
		})
	}
}
