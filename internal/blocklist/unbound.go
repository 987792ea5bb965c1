package blocklist

import (
	"bytes"
	"net/netip"
	"strings"
)

// unbound reads a setting of unbound.conf(5).
func (p *parser) unbound(line []byte) error {
	key, rest, _ := bytes.Cut(line, []byte(":"))
	switch value := strings.Trim(strings.TrimSpace(string(rest)), `"'`); string(key) {
	case "local-zone":
		return p.localZone(line, value)
	case "local-data":
		return p.localData(line, value)
	case "server", "local-data-ptr", "local-zone-tag", "local-zone-override", "include", "include-toplevel",
		"forward-zone",
		"stub-zone", "auth-zone", "view", "rpz", "name", "forward-addr", "forward-host", "forward-tls-upstream", "stub-addr",
		"stub-host", "zonefile", "url", "domain-insecure", "private-domain", "private-address", "interface", "access-control":
		if len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' {
			return p.skip(line, skipSetting)
		}
	}
	return p.fields(line)
}

// localZone reads NAME TYPE. Only some types block all names of a zone.
func (p *parser) localZone(line []byte, value string) error {
	f := strings.Fields(value)
	if len(f) != 2 {
		return p.fault(line, "local-zone needs a name and a type")
	}
	name, kind := strings.Trim(f[0], `"'`), strings.Trim(f[1], `"'`)
	p.zone = ""
	switch kind {
	case "deny", "refuse", "static", "always_refuse", "always_nxdomain", "always_nodata", "always_null", "always_deny",
		"inform_deny":
		return p.add([]byte(name), Tree, false, line)
	case "redirect": // what it means is in the local-data of the zone
		p.zone = zoneKey(name)
	}
	return p.skip(line, skipSetting)
}

// localData reads NAME [TTL] [CLASS] TYPE DATA. A null address blocks the name, and
// those below it in a zone of type redirect.
func (p *parser) localData(line []byte, value string) error {
	f := strings.Fields(value)
	if len(f) < 3 {
		return p.fault(line, "local-data needs a name, a type and data")
	}
	kind, data := strings.ToUpper(f[len(f)-2]), f[len(f)-1]
	a, err := netip.ParseAddr(data)
	if kind != "A" && kind != "AAAA" || err != nil || !null(a) {
		return p.skip(line, skipAddress)
	}
	if p.zone != "" && zoneKey(f[0]) == p.zone {
		return p.add([]byte(f[0]), Tree, false, line)
	}
	return p.add([]byte(f[0]), Exact, false, line)
}

// zoneKey returns a name in the form in which names are compared.
func zoneKey(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
