package dom0_test

import "strings"

// values are the properties that differ between qubes. The mutex of w is held.
func (w *world) values(q *row) map[string]string {
	v := map[string]string{
		"name": q.name, "klass": q.class, "label": q.label, "netvm": q.netvm, "template": q.template,
		"provides_network": q.provides, "xid": q.xid, "uuid": q.uuid, "icon": strings.ToLower(q.class) + "-" + q.label,
	}
	if other, ok := w.dispvms[q.name]; ok {
		v["default_dispvm"] = other
	}
	for _, name := range []string{"ip", "ip6", "visible_ip", "visible_ip6", "visible_netmask", "dns", "gateway", "gateway6", "visible_gateway", "visible_gateway6"} {
		v[name] = ""
	}
	if !q.networked() {
		return v
	}
	v["ip"], v["ip6"] = q.ip, q.ip6
	v["visible_ip"], v["visible_ip6"] = q.ip, q.ip6
	if q.name == "fake-ip" { // the feature net.fake-ip, which the fixtures have set
		v["visible_ip"] = "192.168.1.2"
	}
	v["dns"] = "10.139.1.1 10.139.1.2"
	if q.provides == "True" {
		v["gateway"], v["gateway6"] = q.ip, q.ip6
	}
	if netvm := w.qubes[q.netvm]; netvm != nil {
		v["visible_netmask"] = "255.255.255.255"
		v["visible_gateway"], v["visible_gateway6"] = netvm.ip, netvm.ip6
	}
	return v
}

// change changes the world at once.
func (w *world) change(f func(qubes map[string]*row)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.qubes)
}

// tag gives tags to a qube.
func (w *world) tag(name string, tags ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tags[name] = append(w.tags[name], tags...)
}

// none turns None into nothing, which is how events and answers call it.
func none(value string) string {
	if value == "None" {
		return ""
	}
	return value
}
