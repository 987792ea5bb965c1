package ecs

import (
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// maxClients bounds the list of a netvm's clients in an event.
const maxClients = 32

// Qube writes the client that an event is about. It writes nothing if that is no qube:
// the interface is no vif, and the address is not in the inventory.
func Qube(w event.Writer, p *event.Parties) {
	_, onVif := qube.VifDomain(p.Interface)
	if p.Qube == nil && !onVif && p.Attribution == event.Unknown {
		return
	}
	w.Begin("qube")
	if q := p.Qube; q != nil {
		w.String("name", q.Name)
		event.Optional(w, "uuid", q.UUID)
		event.Optional(w, "label", q.Label)
		event.Optional(w, "class", q.Class)
		event.Optional(w, "template", q.Template)
		event.Optional(w, "netvm", q.NetVM)
		if q.ProvidesNetwork { // its clients cannot be told apart from here
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

// Side writes the qube of one endpoint into the object of that endpoint. It writes
// nothing if q is nil.
func Side(w event.Writer, q *qube.Qube) {
	if q == nil {
		return
	}
	w.Begin("qube")
	w.String("name", q.Name)
	event.Optional(w, "label", q.Label)
	w.End()
}

// Observer writes the observer of an event and its interface, if iface is not "".
// fromSource is the direction in which the source's packets cross the interface.
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
