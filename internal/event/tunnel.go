package event

import (
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Inner are the endpoints inside of a tunnel.
type Inner struct {
	Source, Destination         packet.Addr
	SourcePort, DestinationPort uint16
	Family                      uint8 // 4 or 6
	Proto                       uint8 // IANA protocol number
}

// TakeOuter makes the endpoints of the tunnel those of the flow, and keeps those inside
// in Inner. What is inside is up to the sender; the outer addresses are the ones that
// the packets are routed by. It does nothing if the flow is in no tunnel.
func (f *Flow) TakeOuter() {
	o := &f.Outer
	if o.Kind == packet.TunnelNone || f.Inner != nil {
		return
	}
	f.Inner = &Inner{Source: f.Source.Addr, Destination: f.Destination.Addr, SourcePort: f.Source.Port,
		DestinationPort: f.Destination.Port, Family: f.Family, Proto: f.Proto}
	f.Source.Addr, f.Destination.Addr = o.Src, o.Dst
	f.Source.Port, f.Destination.Port = o.SrcPort, o.DstPort
	f.Family, f.Proto = o.Family, o.Proto
}

// Metered returns the record as the flow table has made it: with the endpoints inside of
// a tunnel. It must not be changed.
func (f *Flow) Metered() *flow.Record {
	if f.Inner == nil {
		return &f.Record
	}
	r, in := f.Record, f.Inner
	r.Source.Addr, r.Destination.Addr = in.Source, in.Destination
	r.Source.Port, r.Destination.Port = in.SourcePort, in.DestinationPort
	r.Family, r.Proto = in.Family, in.Proto
	return &r
}
