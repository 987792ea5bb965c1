package ecs

import (
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// maxClients bounds the list of a netvm's clients in an event.
const maxClients = 32

// Qube writes the client that an event is about, nothing where it is about no
// qube: not on a vif, and nobody's address.
func Qube(w event.Writer, p *event.Parties) {
	_, onVif := qube.VifDomain(p.Interface)
	if p.Qube == nil && !onVif && p.Attribution == event.Unknown {
		return
	}
	w.Begin("qube")
	if q := p.Qube; q != nil {
		w.String("name", q.Name)
		event.Optional(w, "label", q.Label)
		event.Optional(w, "class", q.Class)
		event.Optional(w, "template", q.Template)
		event.Optional(w, "netvm", q.NetVM)
		if q.ProvidesNetwork { // whose clients cannot be told apart from here
			w.String("via", q.Name)
		}
		if len(p.Downstream) > 0 {
			w.Strings("clients", p.Downstream[:min(len(p.Downstream), maxClients)]...)
		}
	}
	if p.Client.IsValid() {
		w.Addr("ip", p.Client)
	}
	if onVif {
		w.String("vif", p.Interface)
	}
	w.String("attribution", p.Attribution.String())
	w.End()
}

// Side writes the qube of one side into the object of that side, nothing where
// q is nil.
func Side(w event.Writer, q *qube.Qube) {
	if q == nil {
		return
	}
	w.Begin("qube")
	w.String("name", q.Name)
	event.Optional(w, "label", q.Label)
	w.End()
}

// Observer writes who has seen an event, and where. fromSource is the way of
// the source's packets over the interface.
func Observer(w event.Writer, iface string, fromSource packet.Direction) {
	w.Begin("observer")
	w.String("type", "sensor")
	w.String("product", version.Product)
	w.String("version", version.Version)
	if iface != "" {
		side := "ingress"
		if fromSource == packet.Outbound {
			side = "egress"
		}
		w.Begin(side)
		w.Begin("interface")
		w.String("name", iface)
		w.End()
		w.End()
	}
	w.End()
}
