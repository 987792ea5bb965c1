package blocky

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// upstreams translates the groups and how they are asked. In blocky the name of a
// group is the client that it is for.
func (c *converter) upstreams() {
	c.groups(c.at("upstreams.groups"))
	c.groups(c.at("upstream"))
	if !c.meant() {
		c.say("upstreams", "the file has none; the default are the servers that Qubes gave this qube, in clear text; set upstreams.default")
	} else if !c.has("default") {
		c.failed = ErrNoUpstream
	}
	c.strategy()
	c.timeout()
	if n := c.first("upstreams.init.strategy", "startVerifyUpstream"); n != nil {
		if s := n.one(); s != "fast" && (s != "false" || n.path != "startVerifyUpstream") {
			c.warn(n, "upstreams are not tested at the start, but by the first query")
		}
	}
	if n := c.at("connectIPVersion"); n != nil && n.one() != "dual" {
		c.warn(n, "%s: servers are asked at all their addresses, of both families; give their addresses instead of their names", n.text)
	}
}

// has reports whether the result has a group of upstreams.
func (c *converter) has(group string) bool {
	m, _ := c.out["upstreams"].(map[string]any)
	return m[group] != nil
}

// upstreamSettings are the keys of upstreams that name no server.
var upstreamSettings = []string{"init", "strategy", "timeout", "userAgent", "quic"}

// meant reports whether the file says which servers to ask, in whatever way: an empty
// value or a misspelt key must not lead to other servers.
func (c *converter) meant() bool {
	if _, old := c.root.fields["upstream"]; old {
		return true
	}
	n := c.at("upstreams")
	return n != nil && (n.fields == nil || slices.ContainsFunc(n.keys, func(k string) bool { return !slices.Contains(upstreamSettings, k) }))
}

// groups translates groups of upstreams. Before v0.14 the only one was called
// externalResolvers.
func (c *converter) groups(n *node) {
	if n == nil {
		return
	}
	def := "default"
	if n.path == "upstream" && n.fields["default"] == nil && n.fields["externalResolvers"] != nil {
		def = "externalResolvers"
	}
	n.children(func(name string, v *node) {
		if name == def {
			c.defaultGroup(v)
			return
		}
		c.ownGroup(name, v)
	})
}

func (c *converter) defaultGroup(n *node) {
	if c.has("default") {
		c.warn(n, "not translated: upstreams.groups.default is used instead")
		markRead(n)
		return
	}
	if servers := c.servers(n); len(servers) > 0 {
		c.set("upstreams.default", servers)
		return
	}
	c.warn(n, "no server of the default group can be asked")
}

// ownGroup translates the group of some clients.
func (c *converter) ownGroup(name string, n *node) {
	servers := c.servers(n)
	if len(servers) == 0 {
		c.warn(n, "left out: no server of it can be asked; these clients ask the default group")
		return
	}
	sel := c.selectors(n, name)
	if sel == nil {
		return
	}
	group := fmt.Sprintf("group%d", c.count+1)
	c.count++
	c.set("upstreams."+group, servers)
	c.policies = append(c.policies, sel.policies("upstream", group)...)
}

// markRead marks a value and all below it as read.
func markRead(n *node) {
	if n == nil {
		return
	}
	n.read = true
	for _, v := range n.fields {
		markRead(v)
	}
	for _, v := range n.items {
		markRead(v)
	}
}

func (c *converter) strategy() {
	n := c.at("upstreams.strategy")
	if n == nil {
		return
	}
	switch s := strings.ToLower(n.one()); s {
	case "parallel_best", "strict", "random":
		c.set("strategy", s)
	default:
		c.warn(n, "%q is not known; parallel_best is used", n.text)
	}
}

// The bounds of the resolver for one attempt and for all of a query.
const (
	leastTimeout  = 50 * time.Millisecond
	defaultBudget = 4 * time.Second
	mostBudget    = time.Minute
)

// timeout translates the time for one attempt. blocky bounds no query; here the
// budget of a query has room for two attempts.
func (c *converter) timeout() {
	n := c.first("upstreams.timeout", "upstreamTimeout")
	d, ok := c.duration(n)
	if !ok {
		return
	}
	switch t := d; {
	case d <= 0:
		c.warn(n, "%v is not above 0; the default of 2s is used", t)
		return
	case d < leastTimeout:
		d = leastTimeout
		c.warn(n, "%v became %v, the shortest time for an attempt", t, d)
	case d > mostBudget:
		d = mostBudget
		c.warn(n, "%v became %v, the longest time for a query", t, d)
	}
	c.set("timeout", d.String())
	if budget := min(2*d, mostBudget); budget > defaultBudget {
		c.set("budget", budget.String())
	}
}

// conditional translates zones with their own upstreams.
func (c *converter) conditional() {
	var zones []map[string]any
	c.at("conditional.mapping").children(func(name string, v *node) {
		servers := c.servers(v)
		switch _, err := dnsmsg.ParseName(nil, strings.TrimPrefix(name, "*.")); {
		case err != nil:
			c.warn(v, "left out: %v", err)
		case len(servers) == 0:
			c.warn(v, "left out: no server of it can be asked; names below %s are asked of the upstreams of each client", name)
		default:
			zones = append(zones, map[string]any{"names": []string{strings.TrimPrefix(name, "*.")}, "servers": servers})
		}
	})
	if len(zones) > 0 {
		c.set("zones", zones)
	}
}

// bootstrap translates the servers that know the addresses of others.
func (c *converter) bootstrap() {
	n := c.at("bootstrapDns")
	var out []string
	switch {
	case n == nil:
	case n.fields != nil:
		out = c.bootstrapServer(n)
	case n.scalar:
		out = c.addresses(n)
	default:
		for _, item := range n.items {
			if item != nil && item.fields != nil {
				out = append(out, c.bootstrapServer(item)...)
			} else if item != nil {
				out = append(out, c.addresses(item)...)
			}
		}
	}
	if len(out) > 0 {
		c.set("bootstrap", out)
		return
	}
	if len(c.named) > 0 {
		slices.Sort(c.named)
		c.set("bootstrap", []string{"system"})
		c.say("bootstrapDns", "no server that can be asked; as in blocky, the servers that Qubes gave this qube or else those of "+
			"/etc/resolv.conf are asked, in clear text, for the addresses of %s, and for nothing else (bootstrap: [system]); "+
			"to avoid it, give these servers by address, such as tcp-tls:ADDRESS#NAME", summary(slices.Compact(c.named)))
	}
}

// summary lists some texts.
func summary(list []string) string {
	if len(list) > 5 {
		return strings.Join(list[:5], ", ") + fmt.Sprintf(" and %d more", len(list)-5)
	}
	return strings.Join(list, ", ")
}

// addresses translates bootstrap servers, which must be given by address.
func (c *converter) addresses(n *node) (list []string) {
	for _, one := range n.texts() {
		switch s := c.server(one); {
		case s == nil:
		case s.isName():
			c.warn(one, "%s: left out: a bootstrap server must be given by its address; write {upstream: %s, ips: [ADDRESS]}", one.text, one.text)
		default:
			list = append(list, s.String())
		}
	}
	return list
}

// bootstrapServer translates a server with its addresses, or a file of servers.
func (c *converter) bootstrapServer(n *node) (list []string) {
	if f := n.fields["resolvFile"]; f != nil {
		c.warn(f, "the servers in %s are not asked: this file is not read; name them in bootstrap", f.one())
	}
	up, ips := n.fields["upstream"], n.fields["ips"].texts()
	if up == nil {
		return nil
	}
	if len(ips) == 0 {
		return c.addresses(up)
	}
	for _, one := range up.texts() {
		s := c.server(one)
		if s == nil {
			continue
		}
		if s.name == "" && s.isName() && (s.scheme == "tls" || s.scheme == "https") {
			s.name = s.host
		}
		for _, ip := range ips {
			a, err := netip.ParseAddr(ip.text)
			if err != nil {
				c.warn(ip, "%q: left out: it is not an address", ip.text)
				continue
			}
			at := *s
			at.host = a.Unmap().String()
			if err := c.note(&at); err != nil {
				c.warn(ip, "left out: %v", err)
				continue
			}
			list = append(list, at.String())
		}
	}
	return list
}
