package event_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestFlow_TakeOuter exchanges the endpoints, and Metered brings them back.
func TestFlow_TakeOuter(t *testing.T) {
	t.Parallel()
	r := flow.Record{Family: 6, Proto: packet.ProtoTCP, Source: flow.Endpoint{Addr: packet.Addr{1}, Port: 2222, Packets: 3},
		Destination: flow.Endpoint{Addr: packet.Addr{2}, Port: 443}}
	f := event.Flow{Record: r}
	if f.TakeOuter(); f.Record != r || f.Inner != nil || f.Metered() != &f.Record {
		t.Errorf("a flow in no tunnel became %+v", f)
	}
	r.Outer = packet.Outer{Src: packet.Addr{10}, Dst: packet.Addr{203}, SrcPort: 7777, DstPort: packet.PortVXLAN, Kind: packet.TunnelVXLAN, Family: 4,
		Proto: packet.ProtoUDP}
	f = event.Flow{Record: r}
	f.TakeOuter()
	f.TakeOuter() // again
	if f.Source.Addr != r.Outer.Src || f.Destination.Addr != r.Outer.Dst || f.Source.Port != 7777 || f.Destination.Port != packet.PortVXLAN ||
		f.Proto != packet.ProtoUDP || f.Family != 4 || f.Source.Packets != 3 {
		t.Errorf("Record = %+v; want the outer endpoints", f.Record)
	}
	if *f.Metered() != r {
		t.Errorf("Metered = %+v; want %+v", *f.Metered(), r)
	}
}
