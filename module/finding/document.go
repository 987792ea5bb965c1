// Package finding turns findings, such as DNS that bypasses the resolver, into documents
// of the kind alert.
package finding

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is a finding about a client.
type Document struct {
	event.Parties
	At     int64  // nanoseconds since the Unix epoch
	Kind   string // event.action: dns-bypass
	Method string // how, such as doh
	Reason string // a sentence for people

	Source, Destination netip.AddrPort
	Transport           string
	ServerName          string // that the client asked for, "" if unknown
	FlowID              string
	Count               uint64 // flows of that kind since the previous finding
}

var _ event.Document = (*Document)(nil) // type check

// Time implements [event.Document].
func (d *Document) Time() time.Time { return time.Unix(0, d.At).UTC() }

// Final implements [event.Document].
func (d *Document) Final() bool { return true }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("finding")
	id.Text(d.Kind)
	id.Text(d.Method)
	id.Number(d.At)
	id.AddrPort(d.Source)
	id.AddrPort(d.Destination)
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	w.String("type", "finding")
	w.Begin("event")
	w.String("kind", "alert")
	w.Strings("category", "network")
	w.Strings("type", "info")
	w.String("action", d.Kind)
	w.String("reason", d.Reason)
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.finding")
	w.End()
	w.Begin("finding")
	w.String("method", d.Method)
	w.Uint("count", d.Count)
	w.End()
	for _, side := range [...]struct {
		name string
		at   netip.AddrPort
	}{{"source", d.Source}, {"destination", d.Destination}} {
		w.Begin(side.name)
		w.Addr("ip", side.at.Addr())
		w.Uint("port", uint64(side.at.Port()))
		if side.name == "source" {
			ecs.Side(w, d.SourceQube)
		} else {
			event.Optional(w, "domain", d.ServerName)
		}
		w.End()
	}
	w.Begin("network")
	w.String("transport", d.Transport)
	event.Optional(w, "direction", d.Direction.String())
	w.End()
	w.Begin("flow")
	w.String("id", d.FlowID)
	w.End()
	ecs.Qube(w, &d.Parties)
	ecs.Observer(w, d.Interface, packet.Inbound)
}
