package dom0

import (
	"slices"
	"strings"
)

// Happen changes the world as an event says. As in qubesd, that is before the
// event is sent: properties change in __set__ before property-set is fired, a
// domain has its xid before domain-spawn and is off before domain-stopped
// (qubes-core-admin, qubes/__init__.py and qubes/vm/qubesvm.py).
func (w *World) Happen(o Occurrence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := o.qube()
	if o.event == "domain-add" {
		w.Qubes[name] = Disposable(name)
		w.tags[name] = []string{"audiovm-dom0", "created-by-dom0", "guivm-dom0"}
	}
	q := w.Qubes[name]
	if q == nil {
		return
	}
	switch o.event {
	case "property-set:label":
		q.Label = o.args["newvalue"]
	case "property-set:netvm":
		q.NetVM = none(o.args["newvalue"])
	case "property-set:ip":
		q.IP = o.args["newvalue"]
	case "domain-spawn":
		q.State, q.XID = "Transient", "24" // no other qube has it
	case "domain-start":
		q.State = "Running"
	case "domain-stopped":
		q.State, q.XID = "Halted", "-1"
	case "domain-delete":
		delete(w.Qubes, name)
	default:
		w.retag(o)
	}
}

// retag adds or removes the tag that an event says, if it says one.
func (w *World) retag(o Occurrence) {
	tags := w.tags[o.qube()]
	switch {
	case strings.HasPrefix(o.event, "domain-tag-add:"):
		tags = append(tags, o.args["tag"])
		slices.Sort(tags)
	case strings.HasPrefix(o.event, "domain-tag-delete:"):
		tags = slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return tag == o.args["tag"] })
	}
	w.tags[o.qube()] = tags
}

// none turns None into nothing, which is how events and answers call it.
func none(value string) string {
	if value == "None" {
		return ""
	}
	return value
}
