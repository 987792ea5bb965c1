package flow

import (
	"cmp"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is a flow event.
type Document struct {
	event.Flow
	// Delta says that the counters of a record cover the time since the last record
	// of the flow of any kind, as with flows.enable_delta_flow_reports.
	Delta bool
}

var _ event.Document = (*Document)(nil) // type check

// Time implements [event.Document]. It returns the time of the last packet,
// so that a replay gives the same document on every run.
func (d *Document) Time() time.Time { return time.Unix(0, d.End).UTC() }

// Final implements [event.Document].
func (d *Document) Final() bool { return d.Record.Final() }

// Identify implements [event.Document]. A flow has several events, which end at
// different times.
func (d *Document) Identify(id *event.Identity) {
	id.Text("flow")
	id.Text(d.Interface)
	id.Bytes(d.Source.Addr[:])
	id.Bytes(d.Destination.Addr[:])
	id.Number(int64(d.Source.Port)<<32 | int64(d.Destination.Port)<<16 | int64(d.Proto)<<8 | int64(d.Reason))
	id.Number(d.Born)
	id.Number(d.Start)
	id.Number(d.End)
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	w.String("type", "flow")
	d.writeEvent(w)
	d.writeFlow(w)
	writeEndpoint(w, "source", &d.Source, d)
	writeEndpoint(w, "destination", &d.Destination, d)
	d.writeNetwork(w)
	ecs.Hello(w, d.Hello)
	ecs.Process(w, cmp.Or(d.DestinationProcess, d.SourceProcess)) // like packetbeat
	ecs.Qube(w, &d.Parties)
	ecs.Observer(w, d.Interface, d.FromSource)
}

func (d *Document) writeEvent(w event.Writer) {
	w.Begin("event")
	w.String("kind", "event")
	w.Strings("category", "network")
	w.String("action", "network_flow")
	w.String("module", version.Product)
	w.String("dataset", "flow")
	if d.Final() {
		w.Strings("type", "connection", "end")
	} else {
		w.Strings("type", "connection")
	}
	w.Time("start", d.Start)
	w.Time("end", d.End)
	w.Uint("duration", uint64(max(d.End-d.Start, 0)))
	w.End()
}

func (d *Document) writeFlow(w event.Writer) {
	w.Begin("flow")
	w.String("id", ID(d.Metered()))
	w.Bool("final", d.Final())
	event.Optional(w, "end_reason", d.Reason.String())
	switch d.VLANs {
	case 1:
		w.Uint("vlan", uint64(d.VLAN[0]))
	case 2:
		w.Uints("vlan", uint64(d.VLAN[0]), uint64(d.VLAN[1]))
	}
	if d.Unresolved {
		w.Bool("unresolved", true)
	}
	d.writeTransport(w)
	d.writeTunnel(w)
	d.writeKept(w)
	w.End()
}

// writeKept writes what the store of packets has of the flow, if it was given its packets.
func (d *Document) writeKept(w event.Writer) {
	if !d.Kept.Known() {
		return
	}
	w.Begin("packets")
	w.Uint("written", uint64(d.Kept.Written))
	w.Uint("cut", uint64(d.Kept.Cut))
	w.Uint("lost", uint64(d.Kept.Lost))
	switch first, last := d.Kept.Segments(); {
	case last != "":
		w.Strings("segment", first, last)
	case first != "":
		w.String("segment", first)
	}
	w.End()
}

// writeTransport writes the state of a TCP connection, or the kind of ICMP messages
// that make up the flow.
func (d *Document) writeTransport(w event.Writer) {
	switch r := d.Metered(); {
	case r.Proto == packet.ProtoTCP:
		w.Begin("tcp")
		event.Optional(w, "state", d.State.String())
		if flags := d.Source.TCPFlags | d.Destination.TCPFlags; flags != 0 {
			w.Strings("flags", flagNames(flags)...)
		}
		w.Uint("syn_count", uint64(d.SynCount))
		w.Bool("rst", d.RSTCount > 0)
		w.End()
	case r.IsICMP():
		m := &d.Source
		if !m.Sent && d.Destination.Sent {
			m = &d.Destination
		}
		w.Begin("icmp")
		w.Uint("type", uint64(m.ICMPType))
		w.Uint("code", uint64(m.ICMPCode))
		w.End()
	}
}

func (d *Document) writeTunnel(w event.Writer) {
	if d.Outer.Kind == packet.TunnelNone {
		return
	}
	w.Begin("tunnel")
	w.String("type", d.Outer.Kind.String())
	if d.Outer.ID != 0 {
		w.Uint("id", uint64(d.Outer.ID))
	}
	w.Begin("source")
	w.Addr("ip", d.Outer.Src.Netip(d.Outer.Family))
	w.End()
	w.Begin("destination")
	w.Addr("ip", d.Outer.Dst.Netip(d.Outer.Family))
	w.End()
	writeInner(w, d.Inner)
	w.End()
}

// writeInner writes the endpoints inside of a tunnel, if the event's are those of the
// tunnel.
func writeInner(w event.Writer, in *event.Inner) {
	if in == nil {
		return
	}
	w.Begin("inner")
	event.Optional(w, "transport", ecs.Transport(in.Proto))
	w.String("iana_number", ecs.IANANumber(in.Proto))
	side := func(name string, addr packet.Addr, port uint16) {
		w.Begin(name)
		w.Addr("ip", addr.Netip(in.Family))
		if ecs.HasPorts(in.Proto) {
			w.Uint("port", uint64(port))
		}
		w.End()
	}
	side("source", in.Source, in.SourcePort)
	side("destination", in.Destination, in.DestinationPort)
	w.End()
}

// writeEndpoint writes one endpoint. As in packetbeat, an endpoint that has sent
// nothing has no counters.
func writeEndpoint(w event.Writer, name string, p *meter.Endpoint, d *Document) {
	w.Begin(name)
	w.Addr("ip", p.Addr.Netip(d.Family))
	if ecs.HasPorts(d.Proto) {
		w.Uint("port", uint64(p.Port))
	}
	if d.HasMAC {
		w.String("mac", macString(p.MAC))
	}
	if p.Packets > 0 {
		w.Uint("packets", p.Packets)
		w.Uint("bytes", p.Bytes)
	}
	if p == &d.Destination {
		event.Optional(w, "domain", d.Domain)
	}
	ecs.Place(w, d.sidePlace(p))
	ecs.Side(w, d.sideQube(p))
	ecs.Process(w, d.sideProcess(p))
	w.End()
}

func (d *Document) sideQube(p *meter.Endpoint) *qube.Qube {
	if p == &d.Source {
		return d.SourceQube
	}
	return d.DestinationQube
}

func (d *Document) sidePlace(p *meter.Endpoint) *event.Place {
	if p == &d.Source {
		return d.SourcePlace
	}
	return d.DestinationPlace
}

func (d *Document) sideProcess(p *meter.Endpoint) *event.Process {
	if p == &d.Source {
		return d.SourceProcess
	}
	return d.DestinationProcess
}

func (d *Document) writeNetwork(w event.Writer) {
	w.Begin("network")
	if d.Family == 4 {
		w.String("type", "ipv4")
	} else {
		w.String("type", "ipv6")
	}
	if name := ecs.Transport(d.Proto); name != "" {
		w.String("transport", name)
	}
	w.String("iana_number", ecs.IANANumber(d.Proto))
	event.Optional(w, "protocol", ecs.HelloProtocol(d.Hello))
	event.Optional(w, "community_id", d.CommunityID(0))
	w.Uint("packets", d.Source.Packets+d.Destination.Packets)
	w.Uint("bytes", d.Source.Bytes+d.Destination.Bytes)
	event.Optional(w, "direction", d.Direction.String())
	w.End()
}
