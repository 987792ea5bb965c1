package dom0

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// values are the properties that differ between qubes. The mutex of w is held.
func (w *World) values(q *Qube) map[string]string {
	v := map[string]string{
		"name": q.Name, "klass": q.Class, "label": q.Label, "netvm": q.NetVM, "template": q.Template,
		"provides_network": q.Provides, "xid": q.XID, "uuid": q.UUID, "icon": strings.ToLower(q.Class) + "-" + q.Label,
	}
	if other, ok := w.DispVMs[q.Name]; ok {
		v["default_dispvm"] = other
	}
	for _, name := range []string{"ip", "ip6", "visible_ip", "visible_ip6", "visible_netmask", "dns", "gateway", "gateway6", "visible_gateway", "visible_gateway6"} {
		v[name] = ""
	}
	if !q.networked() {
		return v
	}
	v["ip"], v["ip6"] = q.IP, q.IP6
	v["visible_ip"], v["visible_ip6"] = q.IP, q.IP6
	if q.Name == "fake-ip" { // the feature net.fake-ip, which the fixtures have set
		v["visible_ip"] = "192.168.1.2"
	}
	v["dns"] = "10.139.1.1 10.139.1.2"
	if q.Provides == "True" {
		v["gateway"], v["gateway6"] = q.IP, q.IP6
	}
	if netvm := w.Qubes[q.NetVM]; netvm != nil {
		v["visible_netmask"] = "255.255.255.255"
		v["visible_gateway"], v["visible_gateway6"] = netvm.IP, netvm.IP6
	}
	return v
}

// typeOf are the types of properties; those of all others is str.
var typeOf = map[string]string{"netvm": "vm", "template": "vm", "default_dispvm": "vm", "label": "label", "xid": "int", "provides_network": "bool"}

// made writes a qube where there is no real answer about one like it: what differs between
// qubes, by name.
func (w *World) made(q *Qube) (text string) {
	values := w.values(q)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text += fmt.Sprintf("%s default=False type=%s %s\n", name, cmp.Or(typeOf[name], "str"), values[name])
	}
	return text
}
