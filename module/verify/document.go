package verify

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is the event of a verdict.
type Document struct {
	event.Parties
	judge.Result
}

var (
	_ event.Document  = (*Document)(nil) // type check
	_ event.Countable = (*Document)(nil)
)

// Time implements [event.Document].
func (d *Document) Time() time.Time { return time.Unix(0, d.At).UTC() }

// Final implements [event.Document].
func (d *Document) Final() bool { return d.Alert }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("verify")
	id.Text(d.Check.String())
	id.Text(d.Subject)
	id.Text(d.Result.Interface)
	id.Number(d.At)
	id.Number(int64(d.Verdict))
	id.Number(int64(d.Evidence.Against))
}

// verifySize is what an event takes without names, in bytes. TestDocument_Account holds it
// to what is written.
const verifySize = 740

// Account implements [event.Countable]. A client has few verdicts, whatever it sends.
func (d *Document) Account(a *event.Account) {
	a.Parties, a.Dataset, a.Start, a.End, a.Alert = &d.Parties, "qubesbeat.verify", d.At, d.At, d.Alert
	a.Size = event.EnvelopeSize + verifySize + d.Parties.EventSize() + len(d.Text) + len(d.Check.Name())
	a.Count, a.Outcome = 1, d.Check.String()
	if x := d.fails(); x != nil {
		a.Peer, a.Port, a.Name = x.Destination().Addr(), x.DstPort, x.Name
		a.Size += 200 + len(x.Name)
	}
}

// fails returns the sample of a fail, nil if there is none.
func (d *Document) fails() *judge.Sample {
	if d.Verdict != judge.Fail {
		return nil
	}
	return d.Sample
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	w.String("type", "verify")
	d.writeEvent(w)
	w.Begin("rule")
	w.String("id", d.Check.String())
	w.String("name", d.Check.Name())
	w.String("category", d.Check.Category())
	w.String("ruleset", version.Product)
	w.String("version", "1")
	w.End()
	d.writeVerify(w)
	if x := d.fails(); x != nil {
		d.writeSample(w, x)
	}
	ecs.Qube(w, &d.Parties)
	ecs.Observer(w, d.Parties.Interface, packet.Inbound)
}

// outcomes are the verdicts as event.outcome has them.
var outcomes = [judge.Verdicts]string{judge.NotTested: "unknown", judge.Unknown: "unknown", judge.Pass: "success", judge.Fail: "failure"}

func (d *Document) writeEvent(w event.Writer) {
	w.Begin("event")
	kind := "state"
	if d.Alert {
		kind = "alert"
	}
	w.String("kind", kind)
	w.Strings("category", "network")
	w.Strings("type", "info")
	w.String("action", "verify-"+d.Verdict.String())
	w.String("outcome", outcomes[d.Verdict])
	w.String("reason", d.Text)
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.verify")
	if first, last := d.span(); first != 0 {
		w.Time("start", first)
		w.Time("end", last)
	}
	w.End()
}

// span returns the times of the first and the last packet that the verdict rests on.
func (d *Document) span() (first, last int64) {
	if d.Verdict == judge.Fail {
		return d.Evidence.FirstAgainst, d.Evidence.LastAgainst
	}
	return d.Evidence.First, d.Evidence.Last
}

func (d *Document) writeVerify(w event.Writer) {
	w.Begin("verify")
	w.String("verdict", d.Verdict.String())
	w.String("previous", d.Previous.String())
	w.String("subject", d.Subject)
	event.Optional(w, "why", d.Reason.String())
	event.Optional(w, "method", d.Method.String())
	w.Bool("contained", d.Contained)
	w.Bool("stale", d.Stale)
	if d.Since != 0 {
		w.Time("since", d.Since)
	}
	if d.ValidUntil != 0 {
		w.Time("valid_until", d.ValidUntil)
	}
	d.writeExpect(w)
	d.writeTunnel(w)
	d.writeEvidence(w)
	w.End()
}

func (d *Document) writeExpect(w event.Writer) {
	x := d.Expect
	if x == nil {
		return
	}
	w.Begin("expect")
	w.String("source", x.Source)
	w.String("exit", x.Exit.String())
	event.Optional(w, "conflict", x.Conflict)
	if len(x.Endpoints) > 0 {
		const most = 32
		list := make([]string, 0, most)
		for _, e := range x.Endpoints[:min(len(x.Endpoints), most)] {
			list = append(list, e.String())
		}
		w.Strings("endpoints", list...)
	}
	w.End()
}

func (d *Document) writeTunnel(w event.Writer) {
	t := &d.Tunnel
	if t.State == judge.TunnelNone {
		return
	}
	w.Begin("tunnel")
	w.String("state", t.State.String())
	w.String("protocol", t.Protocol.String())
	w.Uint("outages", t.Outages)
	if t.LastAnswer != 0 {
		w.Time("last_answer", t.LastAnswer)
	}
	w.End()
}

func (d *Document) writeEvidence(w event.Writer) {
	e := &d.Evidence
	w.Begin("evidence")
	w.Uint("packets", e.Packets)
	w.Uint("bytes", e.Bytes)
	w.Uint("against", e.Against)
	w.Uint("count", d.Count)
	w.Uint("traced", e.Traced)
	w.Uint("left", e.Left)
	w.Uint("lost", d.Lost)
	w.End()
}

// writeSample writes the first packet against the check.
func (d *Document) writeSample(w event.Writer, x *judge.Sample) {
	for _, side := range [...]struct {
		name string
		at   netip.AddrPort
	}{{"source", x.Source()}, {"destination", x.Destination()}} {
		w.Begin(side.name)
		w.Addr("ip", side.at.Addr())
		if ecs.HasPorts(x.Proto) {
			w.Uint("port", uint64(side.at.Port()))
		}
		if side.name == "source" {
			ecs.Side(w, d.SourceQube)
		} else {
			ecs.Side(w, d.DestinationQube)
		}
		w.End()
	}
	w.Begin("network")
	event.Optional(w, "transport", ecs.Transport(x.Proto))
	w.String("iana_number", ecs.IANANumber(x.Proto))
	event.Optional(w, "community_id", communityID(x))
	event.Optional(w, "direction", d.Direction.String())
	w.End()
	writeName(w, x)
}

// writeName writes the name that a leak was about.
func writeName(w event.Writer, x *judge.Sample) {
	if x.Name == "" {
		return
	}
	if x.DstPort == 53 {
		w.Begin("dns")
		w.Begin("question")
		w.String("name", x.Name)
		w.End()
		w.End()
		return
	}
	w.Begin("tls")
	w.Begin("client")
	w.String("server_name", x.Name)
	w.End()
	w.End()
}

// communityID returns what flow events of the same conversation have, too.
func communityID(x *judge.Sample) string {
	r := flow.Record{Proto: x.Proto, Family: x.Family}
	r.Source.Addr, r.Source.Port, r.Source.Sent, r.Source.ICMPType = x.Src, x.SrcPort, true, x.ICMPType
	r.Destination.Addr, r.Destination.Port = x.Dst, x.DstPort
	return r.CommunityID(0)
}
