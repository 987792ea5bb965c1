// Package inventory turns changes of the inventory into documents: a qube appeared,
// changed or vanished.
package inventory

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// Document is an inventory event.
type Document struct {
	event.QubeChange
}

var _ event.Document = (*Document)(nil) // type check

// Time implements [event.Document].
func (d *Document) Time() time.Time { return d.At }

// Final implements [event.Document].
func (d *Document) Final() bool { return true }

// Identify implements [event.Document].
func (d *Document) Identify(id *event.Identity) {
	id.Text("inventory")
	id.Text(d.Action)
	id.Number(d.At.UnixNano())
	if d.After != nil {
		id.Text(d.After.Name)
	} else {
		id.Text(d.Before.Name)
	}
}

// Write implements [event.Document].
func (d *Document) Write(w event.Writer) {
	w.String("type", "inventory")
	d.writeEvent(w)
	now := d.After
	if now == nil {
		now = d.Before
	}
	w.Begin("qube")
	event.Optional(w, "uuid", now.UUID)
	writeQube(w, now)
	w.End()
	d.writeChange(w)
	w.Begin("observer")
	w.String("product", version.Product)
	w.String("version", version.Version)
	w.End()
}

// eventTypes are the ECS types of the three actions.
var eventTypes = map[string]string{"appeared": "creation", "changed": "change", "vanished": "deletion"}

func (d *Document) writeEvent(w event.Writer) {
	w.Begin("event")
	w.String("kind", "event")
	w.Strings("category", "configuration")
	w.Strings("type", eventTypes[d.Action])
	w.String("action", "qube_"+d.Action)
	w.String("module", version.Product)
	w.String("dataset", "qubesbeat.inventory")
	w.End()
}

func writeQube(w event.Writer, q *qube.Qube) {
	w.String("name", q.Name)
	event.Optional(w, "label", q.Label)
	event.Optional(w, "class", q.Class)
	event.Optional(w, "template", q.Template)
	event.Optional(w, "netvm", q.NetVM)
	event.Optional(w, "state", q.State)
	if q.IP.IsValid() {
		w.Addr("ip", q.IP)
	}
	if q.IP6.IsValid() {
		w.Addr("ip6", q.IP6)
	}
	if q.XID >= 0 {
		w.Uint("xid", uint64(q.XID))
	}
	event.Optional(w, "exit", q.Exit)
}

// writeChange writes the names of the fields that changed, and the previous values of
// those that events have.
func (d *Document) writeChange(w event.Writer) {
	if len(d.Fields) == 0 {
		return
	}
	w.Begin("inventory")
	w.Strings("changed", d.Fields...)
	w.Begin("previous")
	writeQube(w, d.Before)
	w.End()
	w.End()
}
