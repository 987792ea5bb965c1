package blocky

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
)

// local translates names that are answered locally.
func (c *converter) local() {
	records := c.mapping()
	c.zone()
	records = append(records, c.hosts()...)
	if len(records) > 0 {
		c.set("records", records)
	}
	c.rewrites()
	for _, key := range []string{"conditional.fallbackUpstream", "customDNS.fallbackUpstream"} {
		if n := c.at(key); n != nil {
			c.warn(n, "not translated: names that the servers of a zone do not know are not asked of others")
		}
	}
}

// mapping translates names with addresses. blocky answers for all names below them,
// too.
func (c *converter) mapping() (records []map[string]any) {
	ttl := c.recordTTL(c.at("customDNS.customTTL"))
	open := !c.flag(c.at("customDNS.filterUnmappedTypes"), true)
	hasHosts := len(c.hostsSources()) > 0
	c.at("customDNS.mapping").children(func(name string, v *node) {
		name = strings.TrimPrefix(name, "*.")
		if err := isName(name); err != nil || name == "." {
			c.warn(v, "left out: it is not the name of a host: %v", err)
			return
		}
		addresses := c.ips(v)
		if len(addresses) == 0 {
			c.warn(v, "left out: it has no address; the name is asked of upstreams")
			return
		}
		names := []string{"*." + name}
		if hasHosts { // which would otherwise answer for the name itself
			names = append(names, name)
		}
		for _, one := range names {
			r := map[string]any{"name": one, "addresses": addresses}
			if ttl != "" {
				r["ttl"] = ttl
			}
			if open {
				r["other_types_upstream"] = true
			}
			records = append(records, r)
		}
	})
	return records
}

// hostsSources returns the hosts files, as paths, URLs and texts.
func (c *converter) hostsSources() []*node {
	return append(c.at("hostsFile.sources").whole(), c.at("hostsFile.filePath").whole()...)
}

// isName returns an error unless a text can be the name of a record.
func isName(text string) error {
	_, err := dnsmsg.ParseName(nil, text)
	return err
}

// ips returns the addresses in a list or a text, and reports others.
func (c *converter) ips(n *node) (list []string) {
	for _, one := range n.texts() {
		a, err := netip.ParseAddr(one.text)
		if err != nil || a.Zone() != "" {
			c.warn(one, "%q: left out: it is not an address", one.text)
			continue
		}
		list = append(list, a.Unmap().String())
	}
	return list
}

// recordTTL translates the TTL of local records, "" for the default. There is none of 0
// here.
func (c *converter) recordTTL(n *node) string {
	d, ok := c.duration(n)
	switch {
	case !ok:
		return ""
	case d < time.Second:
		c.warn(n, "%v became 1s, the shortest TTL of a local record", d)
		d = time.Second
	}
	return d.String()
}

// zone translates the records of a zone file.
func (c *converter) zone() {
	n := c.at("customDNS.zone")
	if n == nil || !n.scalar {
		return
	}
	n.read = true
	if strings.TrimSpace(n.text) == "" {
		return
	}
	text := n.text
	if err := localdata.NewRecords().Zone(text); err != nil {
		if text, err = c.usable(n, text); err != nil {
			c.warn(n, "the records behind the fault are left out, and asked of upstreams: %v", err)
		}
	}
	if text == "" || !c.hasEnds(n, text) {
		return
	}
	c.set("zone_records", text)
	c.warn(n, "names below those of these records are asked of upstreams; blocky gives them the same answer; "+
		"for that, add a record with the name *.NAME to records")
	if !c.flag(c.at("customDNS.filterUnmappedTypes"), true) {
		c.warn(n, "types that a name has no record of are answered with nothing, although filterUnmappedTypes is false")
	}
}

// hasEnds reports whether the aliases of a zone file lead to names that are none.
func (c *converter) hasEnds(n *node, text string) bool {
	z := localdata.NewRecords()
	if z.Zone(text) != nil {
		return true // of which there is a warning
	}
	err := z.CheckAliases()
	if err != nil {
		c.warn(n, "left out, and asked of upstreams: %v", err)
	}
	return err == nil
}

// usable returns the records of a zone file that can be served, in lines, up to the
// first fault.
func (c *converter) usable(n *node, text string) (string, error) {
	var b strings.Builder
	p := dns.NewZoneParser(strings.NewReader(text), "", "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		line := rr.String() + "\n"
		if err := localdata.NewRecords().Zone(line); err != nil {
			c.warn(n, "left out, and asked of upstreams: %v", err)
			continue
		}
		b.WriteString(line)
	}
	return b.String(), p.Err()
}

// hosts translates hosts files. The text of one becomes records.
func (c *converter) hosts() (records []map[string]any) {
	ttlNode := c.at("hostsFile.hostsTTL")
	ttl := c.recordTTL(ttlNode)
	loopback := c.at("hostsFile.filterLoopback")
	dropped := c.flag(loopback, false)
	var paths []string
	for _, n := range c.hostsSources() {
		if strings.Contains(n.text, "\n") {
			records = append(records, c.hostsText(n, ttl, dropped)...)
		} else if p := c.hostsPath(n); p != "" {
			paths = append(paths, p)
		}
	}
	if len(paths)+len(records) == 0 {
		for _, n := range []*node{ttlNode, loopback} {
			if n != nil {
				c.warn(n, "it has no effect, because no hosts file can be used")
			}
		}
	}
	if len(paths) == 0 {
		return records
	}
	c.set("hosts_files", paths)
	if ttl != "" && ttl != time.Hour.String() {
		c.warn(ttlNode, "the names in hosts files have a TTL of 1h")
	}
	if !dropped {
		c.say("hostsFile.filterLoopback", "not set; loopback addresses in hosts files are ignored here; write such names as records")
	}
	return records
}

// hostsPath returns the path of a hosts file, "" if it cannot be used.
func (c *converter) hostsPath(n *node) string {
	text := strings.TrimSpace(n.text)
	if strings.HasPrefix(text, "http") && strings.Contains(text, "://") {
		c.warn(n, "%s: left out, and its names are asked of upstreams: hosts files are not fetched; "+
			"save it as a file, and add its path to hosts_files", text)
		return ""
	}
	if text == "" {
		return ""
	}
	p, err := c.files.Hosts(strings.TrimPrefix(text, "file://"))
	if err != nil {
		c.warn(n, "left out, and its names are asked of upstreams: %v; bring the file here, and add its path to hosts_files", err)
		return ""
	}
	return p
}

// hostsText translates the lines of a hosts file.
func (c *converter) hostsText(n *node, ttl string, dropLoopback bool) (records []map[string]any) {
	for line := range strings.Lines(n.text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err == nil && len(f) < 2 {
			err = errors.New("it has no name")
		}
		if err != nil {
			c.warn(n, "the line %q is left out: %v", strings.TrimSpace(line), err)
			continue
		}
		if a = a.Unmap().WithZone(""); a.IsLoopback() && dropLoopback {
			continue
		}
		for _, name := range f[1:] {
			if err := isName(name); err != nil || strings.HasPrefix(name, "*.") {
				c.warn(n, "%q is left out: it is not the name of a host", name)
				continue
			}
			r := map[string]any{"name": name, "addresses": []string{a.String()}}
			if ttl != "" {
				r["ttl"] = ttl
			}
			records = append(records, r)
		}
	}
	return records
}

// rewrites translates replacements of the ends of names.
func (c *converter) rewrites() {
	var list []map[string]any
	first := map[string]string{} // the key of each name
	for _, key := range []string{"customDNS.rewrite", "conditional.rewrite"} {
		c.at(key).children(func(from string, v *node) {
			to, same := v.one(), strings.ToLower(strings.TrimSuffix(from, "."))
			if err := errors.Join(isName(from), isName(to)); err != nil || !v.scalar {
				c.warn(v, "left out: %q is not replaced by %q: %v", from, to, err)
				return
			}
			if first[same] != "" {
				c.warn(v, "left out: %s has %s, too, which is replaced here for records and zones alike", first[same], from)
				return
			}
			first[same] = key
			list = append(list, map[string]any{"from": from, "to": to})
		})
	}
	if len(list) > 0 {
		c.set("rewrite", list)
	}
}
