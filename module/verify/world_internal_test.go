package verify

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
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

// TestWorld_KnowsItself holds that a replay knows the addresses of the machine that captured if the inventory has it.
func TestWorld_KnowsItself(t *testing.T) {
	t.Parallel()
	const clients = `{"name": "work", "netvm": "sys-log", "ip": "10.137.0.6", "xid": 4}, {"name": "sys-vpn", "netvm": "sys-log", "ip": "10.137.0.20", "xid": 7, "provides_network": true}`
	for _, tt := range []struct {
		live  bool
		qubes string
		want  bool
	}{
		{true, clients, true},
		{false, clients, false},
		{false, clients + `, {"name": "sys-other", "ip": "10.137.0.8", "provides_network": true}`, false},
		{false, clients + `, {"name": "sys-log", "ip": "10.137.0.5", "provides_network": true}`, true},
	} {
		s, err := inventory.Parse(strings.NewReader(`{"version": 1, "qubes": [`+tt.qubes+`]}`), inventory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		index := inventory.NewIndex(inventory.Config{})
		index.Update(s, time.Unix(0, t0))
		deps := &Deps{Inventory: index, HasVif: func(domid int32) bool { return domid == 4 || domid == 7 }}
		if got := (world{deps: deps, live: tt.live}).KnowsItself(); got != tt.want {
			t.Errorf("live %t, with %s: %t; want %t", tt.live, tt.qubes, got, tt.want)
		}
	}
}

// TestWorld_Several holds that a replay knows of a second interface before its packets come.
func TestWorld_Several(t *testing.T) {
	t.Parallel()
	for n, want := range []bool{false, false, true, true} {
		names := new(capture.Interfaces)
		for i := range n {
			names.ID(fmt.Sprintf("vif%d.0", i))
		}
		if got := (world{deps: &Deps{Enricher: &enrich.Enricher{Name: names.Name}}}).Several(); got != want {
			t.Errorf("with %d interfaces: %t; want %t", n, got, want)
		}
	}
}
