package verify

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// TestWorld_Local holds that a replay knows the addresses of the machine that captured by
// the inventory, and takes none of the machine that reads: an analyst's may be anything.
func TestWorld_Local(t *testing.T) {
	t.Parallel()
	s, err := inventory.Parse(strings.NewReader(`{"version": 1, "qubes": [
		{"name": "sys-log", "ip": "10.137.0.5", "provides_network": true},
		{"name": "work", "netvm": "sys-log", "ip": "10.137.0.6", "xid": 4}]}`), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(s, time.Unix(0, t0))
	reader := netip.MustParseAddr("10.137.0.6")
	deps := &Deps{Inventory: index, HasVif: func(domid int32) bool { return domid == 4 }, Local: func(a netip.Addr) bool { return a == reader }}
	for _, tt := range []struct {
		live bool
		addr string
		want bool
	}{
		{true, "10.137.0.6", true},
		{true, "10.137.0.5", false},
		{false, "10.137.0.6", false},
		{false, "10.137.0.5", true},
	} {
		if got := (world{deps: deps, live: tt.live}).Local(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("live %v, %s: %v; want %v", tt.live, tt.addr, got, tt.want)
		}
	}
}
