// Package finding turns what the detection finds into documents of the kind alert, and runs
// the detection.
package finding

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/version"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// Document is a finding about a client.
type Document struct {
	event.Parties
	behaviour.Finding

	Source, Destination netip.AddrPort // Destination is invalid if the finding is about several
	FlowID              string         // "" if the finding is not about a flow that has ended
}

var _ event.Document = (*Document)(nil) // type check

// newDocument returns the document of a finding about what was observed.
func newDocument(f *behaviour.Finding, c *detect.Current) *Document {
	d := &Document{Parties: c.Parties, Finding: *f, Source: c.Source}
	d.Finding.Context = nil
	if f.Addr.IsValid() {
		d.Destination = netip.AddrPortFrom(f.Addr, f.Port)
	}
	if c.Record != nil {
		d.FlowID = flow.ID(c.Record)
	}
	d.Reason = safetext.Line(d.Reason)
	return d
}

// Time implements [event.Document].
func (d *Document) Time() time.Time { return time.Unix(0, d.At).UTC() }

// Final implements [event.Document].
func (d *Document) Final() bool { return true }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("finding")
	id.Text(d.Rule.String())
	id.Text(d.Way)
	id.Text(d.Subject)
	id.Number(d.At)
	id.AddrPort(d.Source)
	id.AddrPort(d.Destination)
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	w.String("type", "finding")
	d.writeEvent(w)
	d.writeRule(w)
	d.writeFinding(w)
	d.writeSides(w)
	d.writeNetwork(w)
	if d.FlowID != "" {
		w.Begin("flow")
		w.String("id", d.FlowID)
		w.End()
	}
	if len(d.Names) > 0 && d.Domain != "" {
		w.Begin("dns")
		w.Begin("question")
		w.String("registered_domain", d.Domain)
		w.End()
		w.End()
	}
	d.writeRelated(w)
	ecs.Qube(w, &d.Parties)
	ecs.Observer(w, d.Interface, packet.Inbound)
}

func (d *Document) writeEvent(w event.Writer) {
	w.Begin("event")
	w.String("kind", "alert")
	w.Strings("category", "network", "intrusion_detection")
	w.Strings("type", "info")
	w.String("action", d.Rule.String())
	w.String("reason", d.Reason)
	w.Uint("severity", d.Level.Severity())
	w.Uint("risk_score", d.Level.Risk(d.Score))
	w.Time("start", d.First)
	w.Time("end", d.At)
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.finding")
	w.End()
}

// writeRule writes what the rule is, and what ATT&CK calls it.
func (d *Document) writeRule(w event.Writer) {
	r := d.Rule.Description()
	w.Begin("rule")
	w.String("id", r.ID)
	w.String("name", r.Name)
	w.String("category", r.Category)
	w.String("description", r.Text)
	w.String("version", behaviour.Version)
	w.String("ruleset", version.Product)
	w.End()
	w.Begin("threat")
	w.String("framework", "MITRE ATT&CK")
	for _, one := range [...]struct {
		name string
		ids  [2]string
	}{{"tactic", r.Tactic}, {"technique", r.Technique}} {
		w.Begin(one.name)
		w.Strings("id", one.ids[0])
		w.Strings("name", one.ids[1])
		if one.name == "technique" && r.Subtechnique[0] != "" {
			w.Begin("subtechnique")
			w.Strings("id", r.Subtechnique[0])
			w.Strings("name", r.Subtechnique[1])
			w.End()
		}
		w.End()
	}
	w.End()
}

func (d *Document) writeFinding(w event.Writer) {
	w.Begin("finding")
	w.String("id", d.ID())
	event.Optional(w, "method", d.Way)
	w.String("level", d.Level.String())
	w.Uint("score", uint64(d.Score*100+0.5))
	w.Uint("count", d.Count)
	w.String("subject", safetext.Line(d.Subject))
	optional := func(name string, n uint64) {
		if n > 0 {
			w.Uint(name, n)
		}
	}
	optional("period", uint64(max(d.Period, 0)))
	if d.Period > 0 {
		w.Uint("jitter", uint64(d.Jitter*100+0.5))
	}
	optional("beats", uint64(max(d.Beats, 0)))
	optional("bytes_up", d.BytesUp)
	optional("bytes_down", d.BytesDown)
	optional("novelty_bits", uint64(d.NoveltyBits+0.5))
	if d.Refused {
		w.Bool("refused", true)
	}
	if len(d.Evidence) > 0 {
		w.Strings("evidence", clean(d.Evidence)...)
	}
	if len(d.Names) > 0 {
		w.Strings("names", clean(d.Names)...)
	}
	w.End()
}

// clean makes texts that come from outside harmless.
func clean(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = safetext.Line(t)
	}
	return out
}

func (d *Document) writeSides(w event.Writer) {
	w.Begin("source")
	w.Addr("ip", d.Source.Addr())
	if p := d.Source.Port(); p != 0 {
		w.Uint("port", uint64(p))
	}
	ecs.Side(w, d.SourceQube)
	w.End()
	if !d.Destination.IsValid() && d.Name == "" {
		return
	}
	w.Begin("destination")
	if d.Destination.IsValid() {
		w.Addr("ip", d.Destination.Addr())
		if p := d.Destination.Port(); p != 0 {
			w.Uint("port", uint64(p))
		}
	}
	event.Optional(w, "domain", safetext.Line(d.Name))
	w.End()
}

func (d *Document) writeRelated(w event.Writer) {
	w.Begin("related")
	ips := []string{d.Source.Addr().String()}
	if d.Destination.IsValid() {
		ips = append(ips, d.Destination.Addr().String())
	}
	w.Strings("ip", ips...)
	if d.JA4 != "" {
		w.Strings("hash", d.JA4)
	}
	w.End()
}

func (d *Document) writeNetwork(w event.Writer) {
	name, direction := transport(d.Proto), d.Direction.String()
	if name == "" && direction == "" { // a search for neighbours, without an inventory
		return
	}
	w.Begin("network")
	event.Optional(w, "transport", name)
	event.Optional(w, "direction", direction)
	w.End()
}

// transport returns the name of a protocol, "" if it has none here.
func transport(proto uint8) string {
	switch proto {
	case packet.ProtoTCP:
		return "tcp"
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoICMP:
		return "icmp"
	case packet.ProtoICMPv6:
		return "ipv6-icmp"
	}
	return ""
}
