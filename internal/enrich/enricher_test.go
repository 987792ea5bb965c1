package enrich_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// result is what an event says about qubes, in words.
type result struct {
	Qube, Client, Attribution, Source, Destination, Direction string
}

func resultOf(e *event.Flow) result {
	client := ""
	if e.Client.IsValid() {
		client = e.Client.String()
	}
	return result{name(e.Qube), client, e.Attribution.String(), name(e.SourceQube), name(e.DestinationQube), e.Direction.String()}
}

func name(q *qube.Qube) string {
	if q == nil {
		return ""
	}
	return q.Name
}

// TestEnricher_Flow says which qube a flow is about.
func TestEnricher_Flow(t *testing.T) {
	t.Parallel()
	lookup := fakeLookup{work, untrusted, personal, halted}
	tests := []struct {
		name string
		in   *flow.Record
		want result
	}{
		{"vif and address agree", record(7, "10.137.0.6", world),
			result{"work", "10.137.0.6", "inventory", "work", "", "outbound"}},
		{"IPv6", record(7, "fd09:24ef:4179::a89:6", "2606:4700::1111"),
			result{"work", "fd09:24ef:4179::a89:6", "inventory", "work", "", "outbound"}},
		{"address of no qube", record(7, nobody, world),
			result{"work", nobody, "spoofed", "work", "", "outbound"}},
		{"address of another qube", record(7, "10.137.0.9", world),
			result{"work", "10.137.0.9", "spoofed", "work", "", "outbound"}},
		{"address of a halted qube", record(7, "10.137.0.50", world),
			result{"work", "10.137.0.50", "spoofed", "work", "", "outbound"}},
		{"no address yet", record(7, "0.0.0.0", "255.255.255.255"),
			result{"work", "0.0.0.0", "inventory", "work", "", "outbound"}},
		{"IPv6 duplicate detection", record(7, "::", "ff02::1:ff89:6"),
			result{"work", "::", "inventory", "work", "", "outbound"}},
		{"IPv6 link-local", record(7, "fe80::216:3eff:fe5e:6c00", "ff02::2"),
			result{"work", "fe80::216:3eff:fe5e:6c00", "inventory", "work", "", "outbound"}},
		{"IPv4 link-local", record(7, "169.254.7.7", world),
			result{"work", "169.254.7.7", "inventory", "work", "", "outbound"}},
		{"inbound", toward(record(7, world, "10.137.0.6")),
			result{"work", "10.137.0.6", "inventory", "", "work", "inbound"}},
		{"inbound to a foreign address, unanswered", unanswered(toward(record(7, world, nobody))),
			result{"work", nobody, "inventory", "", "work", "inbound"}},
		{"inbound to a foreign address, answered", toward(record(7, world, nobody)),
			result{"work", nobody, "spoofed", "", "work", "inbound"}},
		{"inbound to a group", unanswered(toward(record(7, world, "224.0.0.251"))),
			result{"work", "224.0.0.251", "inventory", "", "work", "inbound"}},
		{"qube to qube, at the sender", record(7, "10.137.0.6", "10.137.0.9"),
			result{"work", "10.137.0.6", "inventory", "work", "untrusted", "internal"}},
		{"qube to qube, at the receiver", toward(record(9, "10.137.0.6", "10.137.0.9")),
			result{"untrusted", "10.137.0.9", "inventory", "work", "untrusted", "internal"}},
		{"way unknown, source owns", undirected(record(7, "10.137.0.6", world)),
			result{"work", "10.137.0.6", "inventory", "work", "", "outbound"}},
		{"way unknown, destination owns", undirected(record(7, world, "10.137.0.6")),
			result{"work", "10.137.0.6", "inventory", "", "work", "inbound"}},
		{"way unknown, neither owns", undirected(record(7, nobody, world)),
			result{"work", nobody, "spoofed", "work", "", "outbound"}},
		{"tunnel: outer addresses count", tunnelled(record(7, "172.16.0.1", "172.16.0.2"), "10.137.0.6", world),
			result{"work", "10.137.0.6", "inventory", "work", "", "outbound"}},
		{"tunnel: inner address of another qube is no lie", tunnelled(record(7, "10.137.0.9", "172.16.0.2"), "10.137.0.6", world),
			result{"work", "10.137.0.6", "inventory", "work", "", "outbound"}},
		{"tunnel: outer address spoofed", tunnelled(record(7, "10.137.0.6", world), nobody, world),
			result{"work", nobody, "spoofed", "work", "", "outbound"}},
		{"domain unknown, address of a halted qube", record(12, "10.137.0.50", world),
			result{"halted", "10.137.0.50", "inventory", "halted", "", "outbound"}},
		{"domain unknown, inbound to a halted qube", toward(record(12, world, "10.137.0.50")),
			result{"halted", "10.137.0.50", "inventory", "", "halted", "inbound"}},
		{"domain unknown, address of a qube with a vif here", record(12, "10.137.0.6", world),
			result{"", "10.137.0.6", "spoofed", "", "", "outbound"}},
		{"domain unknown, to the address of a qube with a vif here", toward(record(12, world, "10.137.0.6")),
			result{"", "10.137.0.6", "spoofed", "", "", "inbound"}},
		{"domain unknown, address of a qube without a vif here", record(12, "10.137.0.33", world),
			result{"personal", "10.137.0.33", "inventory", "personal", "", "outbound"}},
		{"both unknown", record(12, nobody, world),
			result{"", nobody, "unknown", "", "", "outbound"}},
		{"both unknown, inbound", toward(record(12, world, nobody)),
			result{"", nobody, "unknown", "", "", "inbound"}},
		{"domain unknown, way unknown, destination known", undirected(record(12, world, "10.137.0.50")),
			result{"halted", "10.137.0.50", "inventory", "", "halted", "inbound"}},
		{"no interface, by source", record(0, "10.137.0.6", world),
			result{"work", "10.137.0.6", "inventory", "work", "", "outbound"}},
		{"no interface, by destination", record(0, world, "10.137.0.6"),
			result{"work", "10.137.0.6", "inventory", "", "work", "inbound"}},
		{"no interface, the initiator's qube first", record(0, "10.137.0.9", "10.137.0.6"),
			result{"untrusted", "10.137.0.9", "inventory", "untrusted", "work", "internal"}},
		{"no interface, no qube", record(0, gateway, world), result{Attribution: "unknown"}},
		{"uplink, own traffic", record(1, itself, world), result{Attribution: "unknown", Direction: "external"}},
		{"uplink, to itself", record(1, world, itself), result{Attribution: "unknown", Direction: "external"}},
		{"uplink, of others", record(1, gateway, world), result{Attribution: "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e event.Flow
			newEnricher(lookup).Flow(tt.in, &e)
			if diff := cmp.Diff(tt.want, resultOf(&e)); diff != "" {
				t.Errorf("Flow mismatch (-want +got):\n%s", diff)
			}
			if *e.Metered() != *tt.in || e.Interface != names[tt.in.Iface] {
				t.Errorf("Flow = %+v on %q; want the record on %q", e.Record, e.Interface, names[tt.in.Iface])
			}
		})
	}
}

// TestEnricher_Flow_bare leaves out what may be nil, and clears what was in the
// event before.
func TestEnricher_Flow_bare(t *testing.T) {
	t.Parallel()
	n := &enrich.Enricher{Qubes: fakeLookup{work}, Name: func(iface uint32) string { return names[iface] }}
	tests := []struct {
		name string
		in   *flow.Record
		want result
	}{
		{"no HasVif: the address decides", record(12, "10.137.0.6", world),
			result{"work", "10.137.0.6", "inventory", "work", "", "outbound"}},
		{"no Local", record(1, itself, world), result{Attribution: "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := event.Flow{Parties: event.Parties{Qube: untrusted, Client: addr(nobody), Attribution: event.Spoofed, Direction: event.Internal, SourceQube: untrusted}}
			n.Flow(tt.in, &e)
			if diff := cmp.Diff(tt.want, resultOf(&e)); diff != "" {
				t.Errorf("Flow mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEnricher_Flow_self calls this machine's own traffic external, although the
// inventory lists this machine as every other qube.
func TestEnricher_Flow_self(t *testing.T) {
	t.Parallel()
	self := &qube.Qube{Name: "sys-log", XID: 5, IP: addr(itself)}
	tests := []struct {
		name string
		in   *flow.Record
		want result
	}{
		{"to the world", record(1, itself, world),
			result{"sys-log", itself, "inventory", "sys-log", "", "external"}},
		{"a client asks this machine", record(7, "10.137.0.6", itself),
			result{"work", "10.137.0.6", "inventory", "work", "sys-log", "internal"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e event.Flow
			newEnricher(fakeLookup{work, self}).Flow(tt.in, &e)
			if diff := cmp.Diff(tt.want, resultOf(&e)); diff != "" {
				t.Errorf("Flow mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEnricher_Flow_allocs is not parallel, because AllocsPerRun must not be.
func TestEnricher_Flow_allocs(t *testing.T) {
	n := newEnricher(fakeLookup{work})
	r := record(7, "10.137.0.6", world)
	var e event.Flow
	if got := testing.AllocsPerRun(100, func() { n.Flow(r, &e) }); got != 0 {
		t.Errorf("Flow allocates %v times; want 0", got)
	}
}

// TestEnricher_via lists the qubes downstream of a netvm.
func TestEnricher_via(t *testing.T) {
	t.Parallel()
	proxy := &qube.Qube{Name: "sys-vpn", XID: 9, IP: addr("10.137.0.9"), ProvidesNetwork: true}
	n := newEnricher(fakeLookup{work, proxy})
	n.Downstream = func(name string) []string { return []string{"behind " + name} }
	var e event.Flow
	n.Flow(record(9, "10.137.0.9", world), &e)
	if len(e.Downstream) != 1 || e.Downstream[0] != "behind sys-vpn" {
		t.Errorf("Downstream = %v", e.Downstream)
	}
	n.Flow(record(7, "10.137.0.6", world), &e)
	if e.Downstream != nil {
		t.Errorf("Downstream of a qube that provides no network = %v", e.Downstream)
	}
}
