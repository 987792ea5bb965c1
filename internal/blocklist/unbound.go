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
	case "deny", "refuse", "static", "inform_deny":
		return p.addTree([]byte(name), true, line)
	case "always_refuse", "always_nxdomain", "always_nodata", "always_null", "always_deny":
		return p.addTree([]byte(name), false, line)
	case "transparent", "typetransparent", "always_transparent", "inform", "nodefault":
		return p.except([]byte(name), line, Tree, skipSetting)
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
	kind, data, name := strings.ToUpper(f[len(f)-2]), f[len(f)-1], []byte(f[0])
	covers := Exact
	if p.zone != "" && zoneKey(f[0]) == p.zone {
		covers = Tree
	}
	a, err := netip.ParseAddr(data)
	isAddress := (kind == "A" || kind == "AAAA") && err == nil
	switch {
	case isAddress && null(a) && covers == Tree:
		return p.addTree(name, true, line)
	case isAddress && null(a):
		return p.add(name, Exact, false, line)
	case isAddress, kind == "CNAME":
		return p.except(name, line, covers, skipAddress)
	}
	return p.skip(line, skipAddress)
}

// zoneKey returns a name in the form in which names are compared.
func zoneKey(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
