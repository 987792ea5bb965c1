package transaction

import (
	"errors"
	"net"
	"net/netip"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/packetbeat/pb"
	"github.com/elastic/beats/v7/packetbeat/publish"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/ecs"
)

// wayBetween returns the way from the source to the destination of an event.
func wayBetween(f *pb.Fields) (w way, ok bool) {
	src, err1 := netip.ParseAddr(f.Source.IP)
	dst, err2 := netip.ParseAddr(f.Destination.IP)
	if err1 != nil || err2 != nil || src.Is4() != dst.Is4() {
		return w, false
	}
	w.src, w.family = packet.AddrFrom(src)
	w.dst, _ = packet.AddrFrom(dst)
	w.srcPort, w.dstPort = uint16(f.Source.Port), uint16(f.Destination.Port)
	return w, true
}

// send completes an event and gives it to the pipeline. It reports false, and
// has not, where the event may be held back and a push from dom0 may still name
// its client.
func (p *Publisher) send(r *report, mayHold bool) bool {
	var parties event.Parties
	if r.known && p.cfg.Enrich == nil {
		r.event.Private = r.sight
	} else if r.known {
		r.sight.SourceSent, r.sight.DestSent = true, true
		parties = p.cfg.Enrich.Parties(r.sight)
	}
	if mayHold && parties.Uncertain() {
		return false
	}
	p.bytes.Add(-int64(r.size))
	if p.cfg.DNS != nil && r.event.Fields["type"] == "dns" && p.cfg.DNS(&r.event) {
		p.told.Add(1)
		return true
	}
	if !p.complete(r, &parties) {
		return true
	}
	p.count(&parties)
	p.sending.Store(1)
	r.client.Publish(r.event)
	p.published.Add(1)
	p.sending.Store(0)
	return true
}

func (p *Publisher) count(parties *event.Parties) {
	switch {
	case parties.Attribution == event.Spoofed:
		p.spoofed.Add(1)
	case parties.Uncertain():
		p.unknown.Add(1)
	}
}

// complete adds packetbeat's common fields and ours. It reports false for an
// event that is not to be published.
func (p *Publisher) complete(r *report, parties *event.Parties) bool {
	if !p.cfg.Completed && !p.marshal(r) {
		return false
	}
	if r.known && p.cfg.Enrich != nil {
		r.event.Fields.DeepUpdate(mapstr.M(event.ToMap(&additions{parties: parties, report: r,
			direction: !p.cfg.Strict && len(p.cfg.InternalNetworks) == 0})))
	}
	return true
}

// marshal adds packetbeat's common fields.
func (p *Publisher) marshal(r *report) bool {
	if err := check(&r.event); err != nil {
		if p.invalid.Add(1) == 1 {
			p.cfg.Log.Errorw("an analyzer has made an event that cannot be published", "error", err.Error())
		}
		return false
	}
	fields, err := publish.MarshalPacketbeatFields(&r.event, p.local(), p.cfg.InternalNetworks)
	if err != nil {
		if p.invalid.Add(1) == 1 {
			p.cfg.Log.Errorw("an analyzer has made an event that cannot be published", "error", err.Error())
		}
		return false
	}
	if p.cfg.IgnoreOutgoing && fields != nil && fields.Network.Direction == pb.Egress {
		p.outgoing.Add(1)
		return false
	}
	return true
}

// check holds what packetbeat asks of every event.
func check(e *beat.Event) error {
	if e.Timestamp.IsZero() {
		return errors.New("it has no time")
	}
	if _, ok := e.Fields["type"].(string); !ok {
		return errors.New("it has no type")
	}
	return nil
}

// additions are the fields that an event gets from us.
type additions struct {
	event.Document // nothing but Write is asked for
	parties        *event.Parties
	report         *report
	direction      bool
}

// Write implements [event.Document]. The direction is that of the qubes, where
// there are any: to packetbeat, which asks for the machine's own addresses, all
// that a router forwards is "unknown".
func (a *additions) Write(w event.Writer) {
	sides := []struct {
		name string
		side func()
	}{
		{"source", func() { ecs.Side(w, a.parties.SourceQube) }},
		{"destination", func() { ecs.Side(w, a.parties.DestinationQube) }},
	}
	for _, s := range sides {
		w.Begin(s.name)
		s.side()
		w.End()
	}
	if d := a.parties.Direction; a.direction && d != event.DirectionUnknown && d != event.External {
		w.Begin("network")
		w.String("direction", d.String())
		w.End()
	}
	ecs.Qube(w, a.parties)
	ecs.Observer(w, a.parties.Interface, a.report.sight.FromSource)
}

func (p *Publisher) local() []net.IP {
	if p.cfg.Local == nil {
		return nil
	}
	return p.cfg.Local()
}
