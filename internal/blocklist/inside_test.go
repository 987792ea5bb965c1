package blocklist_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// TestTable_Addr_inside finds the rule for an IPv4 address in every form of it.
func TestTable_Addr_inside(t *testing.T) {
	t.Parallel()
	b := blocklist.NewBuilder(0)
	if _, err := blocklist.Parse(strings.NewReader("192.0.2.1\n198.51.100.0/24\n"), blocklist.Options{}, func(r *blocklist.Rule) error { return b.Add(0, r) }); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	var from blocklist.Set
	from.Add(0)
	for text, want := range map[string]bool{"192.0.2.1": true, "::ffff:192.0.2.1": true, "64:ff9b::192.0.2.1": true, "64:ff9b:1::198.51.100.7": true,
		"2002:c000:201::1": true, "2002:c633:6407::": true, "2001:0:c000:201::": true, "2001::3fff:fdfe": true, "64:ff9b::192.0.2.2": false,
		"2002:c000:202::": false, "2001:db8::c000:201": false, "192.0.2.2": false} {
		if _, ok := table.Addr(netip.MustParseAddr(text), &from); ok != want {
			t.Errorf("Addr(%s) = %v; want %v", text, ok, want)
		}
	}
}
