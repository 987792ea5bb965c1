package dom0_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// happen changes the world as an event says. As in qubesd, that is before the
// event is sent: properties change in __set__ before property-set is fired, a
// domain has its xid before domain-spawn and is off before domain-stopped
// (qubes-core-admin, qubes/__init__.py and qubes/vm/qubesvm.py).
func (w *world) happen(o occurrence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := o.qube()
	if o.event == "domain-add" {
		w.qubes[name] = disposable(name)
		w.tags[name] = []string{"audiovm-dom0", "created-by-dom0", "guivm-dom0"}
	}
	q := w.qubes[name]
	if q == nil {
		return
	}
	switch o.event {
	case "property-set:label":
		q.label = o.args["newvalue"]
	case "property-set:netvm":
		q.netvm = none(o.args["newvalue"])
	case "property-set:ip":
		q.ip = o.args["newvalue"]
	case "domain-spawn":
		q.state, q.xid = "Transient", "24" // no other qube has it
	case "domain-start":
		q.state = "Running"
	case "domain-stopped":
		q.state, q.xid = "Halted", "-1"
	case "domain-delete":
		delete(w.qubes, name)
	default:
		w.retag(o)
	}
}

// retag adds or removes the tag that an event says, if it says one.
func (w *world) retag(o occurrence) {
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

// disposable makes a disposable as one is made from default-dvm.
func disposable(name string) *row {
	id, err := strconv.Atoi(strings.TrimPrefix(name, "disp"))
	if err != nil {
		panic("dom0_test: no disposable: " + name)
	}
	return &row{
		name: name, class: "DispVM", state: "Halted", label: "red", netvm: "sys-log", template: "default-dvm",
		provides: "False", xid: "-1", uuid: fmt.Sprintf("d15b0000-0000-4000-8000-%012d", id),
		ip: disposableIP(id), ip6: fmt.Sprintf("fd09:24ef:4179::a8a:%x", id),
	}
}

// disposableIP is vmid_to_ipv4 of qubes-core-admin 4.2 and later, qubes/vm/mix/net.py.
func disposableIP(id int) string {
	if id < 255 {
		return fmt.Sprintf("10.138.0.%d", id)
	}
	return fmt.Sprintf("10.138.%d.%d", (id-1)/254, (id-1)%254+1)
}
