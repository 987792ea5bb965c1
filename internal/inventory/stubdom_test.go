package inventory_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// TestIndex_stubDomain finds an HVM by both of its domains, and the clients of a
// netvm by its name.
func TestIndex_stubDomain(t *testing.T) {
	t.Parallel()
	const text = `{"version": 1, "qubes": [
		{"name": "win11", "class": "StandaloneVM", "ip": "10.137.0.16", "xid": 16, "stubdom_xid": 17, "netvm": "sys-log"},
		{"name": "sys-fw2", "ip": "10.137.0.14", "xid": 11, "stubdom_xid": -1, "provides_network": true, "netvm": "sys-log"},
		{"name": "behind.fw2_a", "netvm": "sys-fw2"}, {"name": "also", "netvm": "sys-fw2"}]}`
	s, err := inventory.Parse(strings.NewReader(text), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	x := inventory.NewIndex(inventory.Config{})
	x.Update(s, time.Unix(1000, 0))
	for _, domid := range []int32{16, 17} {
		if q := x.ByDomain(domid, time.Unix(1000, 0)); q == nil || q.Name != "win11" {
			t.Errorf("ByDomain(%d) = %v; want win11", domid, q)
		}
	}
	if got := x.Downstream("sys-fw2"); !slices.Equal(got, []string{"also", "behind.fw2_a"}) || x.Downstream("win11") != nil {
		t.Errorf("Downstream = %v", got)
	}
	twice := strings.Replace(text, `"xid": 11`, `"xid": 17`, 1)
	if _, err := inventory.Parse(strings.NewReader(twice), inventory.Config{}); err == nil || !strings.Contains(err.Error(), "the same xid 17") {
		t.Errorf("Parse of a domain id that is used twice = %v", err)
	}
}
