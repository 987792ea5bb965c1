package enrich_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// TestAttack15_attribution names no qube that cannot have sent the packets.
func TestAttack15_attribution(t *testing.T) {
	t.Parallel()
	n := newEnricher(fakeLookup{work, untrusted, personal, halted})
	n.HasDomains = func() bool { return true }
	tests := []struct {
		name string
		in   *flow.Record
		want result
	}{
		{"from a group", record(7, "224.0.0.1", world), result{"work", "224.0.0.1", "spoofed", "work", "", "outbound"}},
		{"from everyone", record(7, "255.255.255.255", world), result{"work", "255.255.255.255", "spoofed", "work", "", "outbound"}},
		{"from an IPv6 group", record(7, "ff02::1", "2606:4700::1111"), result{"work", "ff02::1", "spoofed", "work", "", "outbound"}},
		{"from this machine", record(7, "127.0.0.1", world), result{"work", "127.0.0.1", "spoofed", "work", "", "outbound"}},
		{"a group answers", toward(record(7, world, "224.0.0.251")), result{"work", "224.0.0.251", "spoofed", "", "work", "inbound"}},
		{"to a group", unanswered(toward(record(7, world, "224.0.0.251"))), result{"work", "224.0.0.251", "inventory", "", "work", "inbound"}},
		{"no address yet", record(7, "0.0.0.0", "255.255.255.255"), result{"work", "0.0.0.0", "inventory", "work", "", "outbound"}},
		{"unknown domain, address of a halted qube", record(12, "10.137.0.50", world), result{"", "10.137.0.50", "unknown", "", "", "outbound"}},
		{"unknown domain, to a halted qube", toward(record(12, world, "10.137.0.50")), result{"", "10.137.0.50", "unknown", "", "", "inbound"}},
		{"unknown domain, address of a qube that was another domain", record(12, "10.137.0.33", world), result{"personal", "10.137.0.33", "inventory", "personal", "", "outbound"}},
		{"unknown domain, address of a qube that is here", record(12, "10.137.0.6", world), result{"", "10.137.0.6", "spoofed", "", "", "outbound"}},
		{"unknown domain and address", record(12, nobody, world), result{"", nobody, "unknown", "", "", "outbound"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e event.Flow
			n.Flow(tt.in, &e)
			if diff := cmp.Diff(tt.want, resultOf(&e)); diff != "" {
				t.Errorf("Flow mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAttack15_genuine refuses for an answer or a transaction the source addresses that
// flows are called spoofed for.
func TestAttack15_genuine(t *testing.T) {
	t.Parallel()
	n := newEnricher(fakeLookup{work, untrusted, personal, halted})
	for _, tt := range []struct {
		iface uint32
		addr  string
		want  bool
	}{
		{7, "10.137.0.6", true}, {7, "10.137.0.9", false}, {7, "224.0.0.1", false}, {7, "255.255.255.255", false},
		{7, "0.0.0.0", true}, {7, "fe80::1", true}, {12, "10.137.0.6", false}, {12, "10.137.0.50", true}, {12, nobody, true}, {1, "10.137.0.6", true},
	} {
		if got := n.Genuine(tt.iface, addr(tt.addr), t0); got != tt.want {
			t.Errorf("Genuine(%s, %s) = %v; want %v", names[tt.iface], tt.addr, got, tt.want)
		}
	}
}

// TestAttack05_outer_addresses gives a tunnel on a vif the addresses that it is routed
// by, and leaves it alone elsewhere.
func TestAttack05_outer_addresses(t *testing.T) {
	t.Parallel()
	n := newEnricher(fakeLookup{work, untrusted})
	for _, tt := range []struct {
		name                string
		in                  *flow.Record
		source, destination string
		attribution         event.Attribution
	}{
		{"on a vif", tunnelled(record(7, "10.137.0.9", "93.184.216.34"), "10.137.0.6", "203.0.113.99"), "10.137.0.6", "203.0.113.99", event.Inventory},
		{"on a vif, spoofed", tunnelled(record(7, "10.137.0.6", "93.184.216.34"), "10.137.0.9", "203.0.113.99"), "10.137.0.9", "203.0.113.99", event.Spoofed},
		{"on the uplink", tunnelled(record(1, "10.137.0.9", "93.184.216.34"), "10.137.0.6", "203.0.113.99"), "10.137.0.9", "93.184.216.34", event.Inventory},
		{"in a file without names", tunnelled(record(0, "10.137.0.9", "93.184.216.34"), "10.137.0.6", "203.0.113.99"), "10.137.0.9", "93.184.216.34", event.Inventory},
	} {
		var e event.Flow
		n.Flow(tt.in, &e)
		source, destination := e.Source.Addr.Netip(e.Family).String(), e.Destination.Addr.Netip(e.Family).String()
		if source != tt.source || destination != tt.destination || e.Attribution != tt.attribution {
			t.Errorf("%s: %s to %s, %v; want %s to %s, %v", tt.name, source, destination, e.Attribution, tt.source, tt.destination, tt.attribution)
		}
	}
}
