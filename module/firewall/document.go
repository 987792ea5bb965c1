// Package firewall turns verdicts into documents: which connection attempt was refused,
// how often, where, and between which qubes.
package firewall

import (
	"net/netip"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is the event of a verdict.
type Document struct {
	event.Parties
	firewall.Verdict
}

var _ event.Document = (*Document)(nil) // type check

// Time implements [event.Document].
func (d *Document) Time() time.Time { return time.Unix(0, d.First).UTC() }

// Final implements [event.Document].
func (d *Document) Final() bool { return true }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("firewall")
	id.Number(d.First)
	id.Number(d.Last)
	id.Text(d.In)
	id.Text(d.Out)
	id.Text(d.Rule)
	id.AddrPort(netip.AddrPortFrom(d.Src, d.SrcPort))
	id.AddrPort(netip.AddrPortFrom(d.Dst, d.DstPort))
	id.Number(int64(d.Proto))
	id.Number(int64(d.Source))
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	w.String("type", "firewall")
	d.writeEvent(w)
	w.Begin("rule")
	event.Optional(w, "name", strings.TrimSpace(d.Rule))
	w.String("category", d.Point.String())
	w.End()
	d.writeFirewall(w)
	d.writeSides(w)
	d.writeNetwork(w)
	ecs.Qube(w, &d.Parties)
	d.writeObserver(w)
}

func (d *Document) writeEvent(w event.Writer) {
	w.Begin("event")
	w.String("kind", "event")
	w.Strings("category", "network")
	w.Strings("type", "connection", "denied")
	action := "firewall-dropped"
	if d.Reply != firewall.ReplyNone || d.Point == firewall.QVMFirewall { // the kernel limits the rate of its ICMP errors
		action = "firewall-rejected"
	}
	w.String("action", action)
	w.String("outcome", "failure")
	w.String("reason", reasons[d.Point])
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.firewall")
	w.Time("start", d.First)
	w.Time("end", d.Last)
	w.Uint("duration", uint64(max(0, d.Last-d.First)))
	w.End()
}

// reasons are the texts of event.reason.
var reasons = map[firewall.Point]string{
	firewall.Antispoof:   "the source address is not that of the qube",
	firewall.Input:       "clients may not connect to the netvm itself",
	firewall.QVMFirewall: "the rules of qvm-firewall for the qube",
	firewall.InterQube:   "qubes may not connect to each other",
	firewall.User:        "a rule of the netvm's owner, or a qube whose rules are not loaded",
}

func (d *Document) writeFirewall(w event.Writer) {
	w.Begin("firewall")
	w.String("point", d.Point.String())
	w.String("source", d.Source.String())
	event.Optional(w, "reply", d.Reply.String())
	w.Uint("count", d.Count)
	if d.Coalesced {
		w.Bool("coalesced", true)
	}
	if d.Proto == packet.ProtoICMP || d.Proto == packet.ProtoICMPv6 {
		w.Begin("icmp")
		w.Uint("type", uint64(d.ICMPType))
		w.Uint("code", uint64(d.ICMPCode))
		w.End()
	}
	w.End()
}

// writeSides writes both endpoints. Of coalesced attempts, fields that differ are left
// out.
func (d *Document) writeSides(w event.Writer) {
	src, dst := d.Endpoints()
	w.Begin("source")
	d.writeEndpoint(w, src)
	w.Uint("packets", d.Count)
	if d.Bytes > 0 {
		w.Uint("bytes", d.Bytes)
	}
	ecs.Side(w, d.SourceQube)
	w.End()
	w.Begin("destination")
	d.writeEndpoint(w, dst)
	ecs.Side(w, d.DestinationQube)
	w.End()
}

func (d *Document) writeEndpoint(w event.Writer, at netip.AddrPort) {
	if at.Addr().IsValid() {
		w.Addr("ip", at.Addr())
	}
	if at.Port() != 0 && ecs.HasPorts(d.Proto) {
		w.Uint("port", uint64(at.Port()))
	}
}

func (d *Document) writeNetwork(w event.Writer) {
	w.Begin("network")
	switch d.Family() {
	case 4:
		w.String("type", "ipv4")
	case 6:
		w.String("type", "ipv6")
	}
	if d.Proto != 0 {
		event.Optional(w, "transport", ecs.Transport(d.Proto))
		w.String("iana_number", ecs.IANANumber(d.Proto))
	}
	if !d.Coalesced {
		w.String("community_id", d.communityID())
	}
	event.Optional(w, "direction", d.Direction.String())
	w.Uint("packets", d.Count)
	w.End()
}

// communityID returns the Community ID of the flow that was metered on the vif, unless
// the netvm has translated the destination.
func (d *Document) communityID() string {
	r := flow.Record{}
	r.Proto, r.Source.Sent = d.Proto, true
	r.Source.Addr, r.Family = packet.AddrFrom(d.Src)
	r.Destination.Addr, _ = packet.AddrFrom(d.Dst)
	r.Source.Port, r.Destination.Port = d.SrcPort, d.DstPort
	r.Source.ICMPType, r.Source.ICMPCode = d.ICMPType, d.ICMPCode
	return r.CommunityID(0)
}

// writeObserver writes the interface on which the packet arrived and the one on which
// it would have left.
func (d *Document) writeObserver(w event.Writer) {
	w.Begin("observer")
	w.String("type", "firewall")
	w.String("product", version.Product)
	w.String("version", version.Version)
	for _, side := range [...]struct{ name, iface string }{{"ingress", d.In}, {"egress", d.Out}} {
		if side.iface == "" {
			continue
		}
		w.Begin(side.name)
		w.Begin("interface")
		w.String("name", side.iface)
		w.End()
		w.End()
	}
	w.End()
}
