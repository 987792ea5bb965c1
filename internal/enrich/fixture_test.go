package enrich_test

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// t0 is when the flows of the tests end.
var t0 = time.Unix(1_700_000_000, 0)

// The qubes of the tests. untrusted has a vif here, personal is known to run
// elsewhere, halted has no domain.
var (
	work      = &qube.Qube{Name: "work", Label: "blue", XID: 7, IP: addr("10.137.0.6"), IP6: addr("fd09:24ef:4179::a89:6")}
	untrusted = &qube.Qube{Name: "untrusted", Label: "red", XID: 9, IP: addr("10.137.0.9")}
	personal  = &qube.Qube{Name: "personal", Label: "yellow", XID: 33, IP: addr("10.137.0.33")}
	halted    = &qube.Qube{Name: "halted", Label: "green", XID: qube.NoDomain, IP: addr("10.137.0.50")}
)

// The addresses that belong to no qube.
const (
	world   = "1.1.1.1"
	itself  = "10.137.0.2" // of the machine that captures
	nobody  = "10.137.0.99"
	gateway = "192.168.1.1"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// fakeLookup is an inventory of fixed qubes.
type fakeLookup []*qube.Qube

var _ enrich.QubeLookup = (fakeLookup)(nil) // type check

func (f fakeLookup) ByDomain(domid int32, _ time.Time) *qube.Qube {
	for _, q := range f {
		if q.XID >= 0 && q.XID == domid {
			return q
		}
	}
	return nil
}

func (f fakeLookup) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	for _, q := range f {
		if q.Owns(a) {
			return q
		}
	}
	return nil
}

// names are the observation points of the tests.
var names = map[uint32]string{7: "vif7.0", 9: "vif9.0", 12: "vif12.0", 1: "eth0"}

func newEnricher(lookup enrich.QubeLookup) *enrich.Enricher {
	return &enrich.Enricher{
		Qubes:  lookup,
		Name:   func(iface uint32) string { return names[iface] },
		HasVif: func(domid int32) bool { return domid == 7 || domid == 9 },
		Local:  func(a netip.Addr) bool { return a == addr(itself) },
	}
}

// record returns a flow of two packets out and one back, whose initiator's
// packets came in on the interface.
func record(iface uint32, src, dst string) *flow.Record {
	r := &flow.Record{Iface: iface, Proto: packet.ProtoUDP, Start: t0.UnixNano() - 1e9, End: t0.UnixNano(), FromSource: packet.Inbound}
	r.Source.Addr, r.Family = packet.AddrFrom(addr(src))
	r.Destination.Addr, _ = packet.AddrFrom(addr(dst))
	r.Source.Packets, r.Destination.Packets = 2, 1
	r.Source.Sent, r.Destination.Sent = true, true
	return r
}

// toward turns a record into one whose initiator is on the other side of the
// interface.
func toward(r *flow.Record) *flow.Record {
	r.FromSource = packet.Outbound
	return r
}

// undirected takes away which way the packets went.
func undirected(r *flow.Record) *flow.Record {
	r.FromSource = packet.DirectionUnknown
	return r
}

// unanswered leaves only the initiator's packets.
func unanswered(r *flow.Record) *flow.Record {
	r.Destination.Packets, r.Destination.Sent = 0, false
	return r
}

// tunnelled puts a record into a tunnel.
func tunnelled(r *flow.Record, src, dst string) *flow.Record {
	r.Outer = packet.Outer{Kind: packet.TunnelGRE}
	r.Outer.Src, r.Outer.Family = packet.AddrFrom(addr(src))
	r.Outer.Dst, _ = packet.AddrFrom(addr(dst))
	return r
}
