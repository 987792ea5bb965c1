package blocky

import (
	"net/netip"
	"path"
	"slices"
	"strings"
)

// client is a client that clientLookup gives a name.
type client struct {
	node      *node
	addresses []string
	used      bool // a policy selects it
}

// lookup reads the clients that have a name.
func (c *converter) lookup() {
	c.at("clientLookup.clients").children(func(name string, v *node) {
		one := &client{node: v}
		for _, ip := range v.texts() {
			a, err := netip.ParseAddr(ip.text)
			if err != nil {
				c.warn(ip, "%q: left out: it is not an address; no policy applies to it", ip.text)
				continue
			}
			one.addresses = append(one.addresses, a.Unmap().WithZone("").String())
		}
		c.clients[name] = one
		c.order = append(c.order, name)
	})
}

// unusedClients reports named clients that no policy selects.
func (c *converter) unusedClients() {
	for _, name := range c.order {
		if one := c.clients[name]; !one.used {
			c.warn(one.node, "not translated: the names of clients come from the inventory, and no policy of the file is for this one")
		}
	}
}

// selectors say which clients a policy is for. A nil *selectors stands for none.
type selectors struct {
	all              bool // every client that no other policy names
	qubes, addresses []string
	rank             int // blocky prefers addresses to names, and names to networks
}

// The ranks of selectors.
const (
	byAddress = iota
	byName
	byNetwork
	byDefault
)

// selectors translates a client of blocky: names, patterns, addresses and networks,
// separated by commas. It returns nil if none of them can be one, and reports it.
func (c *converter) selectors(n *node, text string) *selectors {
	s := &selectors{rank: byDefault}
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		if one == "default" {
			s.all = true
			continue
		}
		if one != "" {
			c.selector(n, s, one)
		}
	}
	if !s.all && len(s.qubes)+len(s.addresses) == 0 {
		c.warn(n, "left out: %q names no client; those that it is meant for have the settings of the default", text)
		return nil
	}
	return s
}

func (c *converter) selector(n *node, s *selectors, one string) {
	if a, err := netip.ParseAddr(one); err == nil {
		s.add(&s.addresses, a.Unmap().WithZone("").String(), byAddress)
		return
	}
	if p, err := netip.ParsePrefix(one); err == nil {
		s.add(&s.addresses, p.Masked().String(), byNetwork)
		return
	}
	if _, err := path.Match(one, "x"); err != nil || strings.Contains(one, "/") {
		c.warn(n, "%q: left out: it is neither a name, a pattern, an address nor a network; "+
			"clients that it is meant for have the settings of the default", one)
		return
	}
	known := false
	for _, name := range c.order {
		if ok, _ := path.Match(strings.ToLower(one), strings.ToLower(name)); ok {
			known = true
			c.clients[name].used = true
			for _, a := range c.clients[name].addresses {
				s.add(&s.addresses, a, byName)
			}
		}
	}
	if !known {
		c.warn(n, "%q selects qubes by their names; names that a DHCP server or reverse lookups give to hosts are not known", one)
	}
	s.add(&s.qubes, one, byName)
}

func (s *selectors) add(list *[]string, value string, rank int) {
	s.rank = min(s.rank, rank)
	if !slices.Contains(*list, value) {
		*list = append(*list, value)
	}
}

// rankKey is where a policy keeps its rank until it is written.
const rankKey = " rank"

// policies returns policies with a setting for the clients: one for those that are
// named, and one for all others.
func (s *selectors) policies(key string, value any) (list []map[string]any) {
	if len(s.qubes)+len(s.addresses) > 0 {
		p := map[string]any{rankKey: s.rank, key: value}
		if len(s.qubes) > 0 {
			p["qubes"] = s.qubes
		}
		if len(s.addresses) > 0 {
			p["addresses"] = s.addresses
		}
		list = append(list, p)
	}
	if s.all {
		list = append(list, map[string]any{rankKey: byDefault, key: value})
	}
	return list
}

// writePolicies writes the policies in the order of blocky's preferences: the first one
// with a setting counts. Lists of all policies of a client add up, as in blocky.
func (c *converter) writePolicies() {
	slices.SortStableFunc(c.policies, func(a, b map[string]any) int { return a[rankKey].(int) - b[rankKey].(int) })
	for _, p := range c.policies {
		delete(p, rankKey)
	}
	if len(c.policies) > 0 {
		c.set("policies", c.policies)
	}
}
