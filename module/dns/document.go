// Package dns turns the record of a query into a document: ECS's
// dns fields, those of packetbeat's own DNS events, and the decision.
package dns

import (
	"bytes"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is the event of a query.
type Document struct {
	dnsevent.Entry
	event.Parties
	name  string // of the question, in lower case, without the last dot
	lost  bool   // the question could not be read
	mixed bool   // the client wrote it otherwise
	rule  string // that has decided, "" where none has
}

var _ event.Document = (*Document)(nil) // type check

// NewDocument returns the document of an entry. It copies what does not belong to it.
func NewDocument(e *dnsevent.Entry, p event.Parties) *Document {
	d := &Document{Entry: *e, Parties: p, lost: len(e.Name) == 0}
	both := append(append(make([]byte, 0, len(e.Name)+len(e.Reply)), e.Name...), e.Reply...)
	d.Entry.Name, d.Reply = both[:len(e.Name):len(e.Name)], both[len(e.Name):]
	var buf [dnsmsg.MaxName]byte
	lower := buf[:copy(buf[:], e.Name)]
	dnsmsg.Lower(lower)
	d.mixed = !bytes.Equal(lower, e.Name)
	if d.name = dnsmsg.Text(lower); d.lost {
		d.name = ""
	}
	d.rule = e.Rule(lower)
	return d
}

// Question returns the name that was asked for, in lower case and without the
// last dot, "" where the question could not be read.
func (d *Document) Question() string { return d.name }

// Time implements [event.Document].
func (d *Document) Time() time.Time { return time.Unix(0, d.At).UTC() }

// Final implements [event.Document].
func (d *Document) Final() bool { return true }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("dns")
	id.Number(d.At)
	id.AddrPort(d.From)
	id.Number(int64(d.ID))
	id.Number(int64(d.Type))
	id.Text(d.name)
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	d.writeCompat(w)
	d.writeEvent(w)
	d.writeDNS(w)
	for _, side := range [...]struct {
		name   string
		client bool
	}{{"client", true}, {"source", true}, {"server", false}, {"destination", false}} {
		d.writeSide(w, side.name, side.client)
	}
	d.writeNetwork(w)
	d.writeRule(w)
	if d.name != "" {
		w.Begin("related")
		w.Strings("hosts", d.name)
		w.End()
	}
	if d.Err != "" {
		w.Begin("error")
		w.String("message", d.Err)
		w.End()
	}
	d.writeOwn(w)
	ecs.Qube(w, &d.Parties)
	ecs.Observer(w, d.Interface, packet.Inbound)
}

// writeCompat writes what packetbeat's DNS events and dashboards have.
func (d *Document) writeCompat(w event.Writer) {
	w.String("type", "dns")
	status := "Error"
	if d.answered() && d.RCode == dnsmsg.NoError {
		status = "OK"
	}
	w.String("status", status)
	if d.lost {
		return
	}
	w.String("method", dnsmsg.Opcode(d.Opcode))
	w.String("query", "class "+d.Class.String()+", type "+d.Entry.Type.String()+", "+d.name)
	w.String("resource", d.name)
}

func (d *Document) answered() bool { return d.ReplyLen > 0 }

func (d *Document) writeEvent(w event.Writer) {
	w.Begin("event")
	w.String("kind", "event")
	w.Strings("category", "network")
	verdict := "allowed"
	if d.Action == dnsevent.Blocked || d.Action == dnsevent.Refused || d.Action == dnsevent.Dropped {
		verdict = "denied"
	}
	w.Strings("type", "connection", "protocol", verdict)
	w.String("action", d.Action.String())
	outcome := "success"
	if d.Action == dnsevent.Failed || d.Action == dnsevent.Dropped {
		outcome = "failure"
	}
	w.String("outcome", outcome)
	w.String("reason", d.reason())
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.dns")
	w.Time("start", d.At)
	w.Time("end", d.At+d.Duration)
	w.Uint("duration", uint64(d.Duration))
	w.End()
}

func (d *Document) reason() string {
	if d.Match == dnsevent.MatchFirewall && d.Err != "" {
		return "REFUSED (" + d.Err + ")"
	}
	return d.ReasonOf(d.rule)
}

func (d *Document) writeSide(w event.Writer, name string, client bool) {
	at, size := d.Local, d.ReplyLen
	if client {
		at, size = d.From, d.Size
	}
	if !at.IsValid() || at.Port() == 0 && !client {
		return
	}
	w.Begin(name)
	w.Addr("ip", at.Addr())
	if at.Port() != 0 {
		w.Uint("port", uint64(at.Port()))
		w.Uint("bytes", uint64(size))
	}
	if name == "source" {
		ecs.Side(w, d.SourceQube)
	}
	w.End()
}

func (d *Document) writeNetwork(w event.Writer) {
	w.Begin("network")
	transport, family := "udp", "ipv4"
	if d.TCP {
		transport = "tcp"
	}
	if d.From.Addr().Is6() {
		family = "ipv6"
	}
	w.String("transport", transport)
	w.String("protocol", "dns")
	w.String("type", family)
	event.Optional(w, "direction", d.Direction.String())
	w.Uint("bytes", uint64(d.Size+d.ReplyLen))
	w.End()
}

func (d *Document) writeRule(w event.Writer) {
	if d.List == "" {
		return
	}
	w.Begin("rule")
	w.String("name", d.rule)
	w.String("ruleset", d.List)
	w.String("category", d.Match.String())
	w.End()
}

// registered splits a name as ECS does: what was registered, the public suffix
// above it, and what is below.
func registered(name string) (domain, suffix, sub string) {
	suffix, _ = publicsuffix.PublicSuffix(name)
	if len(name) <= len(suffix) {
		return "", suffix, ""
	}
	below := name[:len(name)-len(suffix)-1]
	i := strings.LastIndexByte(below, '.')
	return name[i+1:], suffix, below[:max(i, 0)]
}
