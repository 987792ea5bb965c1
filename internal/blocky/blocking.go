package blocky

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// list is one list of names of blocky.
type list struct {
	name        string // here
	deny, allow []string
	denies      bool // blocky has it among those to deny
}

// blocking translates lists and the clients that have them. The lists of all policies
// of a client add up, as blocky's groups do.
func (c *converter) blocking() {
	c.loading() // says how lists are read
	g := &groups{converter: c, names: names{}, lists: map[string]*list{}}
	for _, key := range []string{"blocking.denylists", "blocking.blackLists"} {
		c.at(key).children(func(name string, v *node) { g.deny(name, v) })
	}
	for _, key := range []string{"blocking.allowlists", "blocking.whiteLists"} {
		c.at(key).children(func(name string, v *node) { g.allow(name, v) })
	}
	g.write(c.schedules())
	c.clientGroups(g)
	c.blockType()
}

// groups are the lists by their names in blocky.
type groups struct {
	*converter
	names   names
	lists   map[string]*list
	order   []string
	written map[string][]string // the names here of a list, one for each of its schedules
	sources int
}

func (g *groups) get(name string, v *node) *list {
	l := g.lists[name]
	if l == nil {
		l = &list{name: g.names.of(name)}
		g.lists[name] = l
		g.order = append(g.order, name)
		if l.name != name {
			g.say(v.path, "the list is called %s here", l.name)
		}
	}
	return l
}

// missing stands for sources that cannot be taken over. Without it a list with names
// to deny and to allow would turn into one that allows those and nothing else.
const missing = "# no source of this list in blocky could be taken over\n"

func (g *groups) deny(name string, v *node) {
	l := g.get(name, v)
	l.denies = true
	l.deny = append(l.deny, g.take(v, "its names are not blocked")...)
}

func (g *groups) allow(name string, v *node) {
	l := g.get(name, v)
	l.allow = append(l.allow, g.take(v, "its names are not allowed")...)
}

// take translates sources: URLs, paths and rules. effect is that of one that is left out.
func (g *groups) take(v *node, effect string) (list []string) {
	for _, n := range v.whole() {
		text := n.text
		if !strings.Contains(text, "\n") {
			text = g.locate(n, effect)
		} else if err := g.inline(n, effect); err != nil {
			g.warn(n, "left out, and %s: %v", effect, err)
			text = ""
		}
		if text != "" {
			list = append(list, text)
		}
	}
	return list
}

// inline checks rules in the file, and reports those that cannot be read.
func (g *groups) inline(n *node, effect string) error {
	s := lists.Source{Location: n.text}
	for _, fault := range s.Invalid(g.rules) {
		g.warn(n, "left out, and %s: %s", effect, fault)
	}
	return s.Check(g.rules)
}

// locate returns the URL or the path of a source, "" if it cannot be read.
func (g *groups) locate(n *node, effect string) string {
	text := strings.TrimSpace(n.text)
	for _, scheme := range []string{"http://", "https://"} {
		if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			return scheme + text[len(scheme):]
		}
	}
	if text == "" {
		return ""
	}
	p, err := g.files.List(strings.TrimPrefix(text, "file://"), g.rules)
	if err != nil {
		g.warn(n, "left out, and %s: %v; bring the file here, and add its path to lists", effect, err)
		return ""
	}
	return p
}

// write writes the lists. One that has several schedules is written once for each: it
// applies while one of them does.
func (g *groups) write(schedules func(name string) []string) {
	g.written = map[string][]string{}
	for _, name := range g.order {
		l := g.lists[name]
		if l.denies && len(l.deny) == 0 {
			l.deny = []string{missing}
		}
		if !l.denies && len(l.allow) == 0 {
			l.allow = []string{missing}
		}
		which := schedules(name)
		if len(which) == 0 {
			which = []string{""}
		}
		for i, schedule := range which {
			if g.sources += len(l.deny) + len(l.allow); g.sources > lists.MaxSources {
				g.say("blocking", "the list %s is left out, and does not apply: there are more than %d sources; join some of them",
					name, lists.MaxSources)
				break
			}
			own := l.name
			if i > 0 {
				own = g.names.of(name + " " + schedule)
			}
			g.writeOne(own, l, schedule)
			g.written[name] = append(g.written[name], own)
		}
	}
}

func (g *groups) writeOne(name string, l *list, schedule string) {
	for key, sources := range map[string][]string{"deny": l.deny, "allow": l.allow} {
		if len(sources) > 0 {
			g.set("lists."+name+"."+key, sources)
		}
	}
	if schedule != "" {
		g.set("lists."+name+".schedule", schedule)
	}
}

// clientGroups translates which clients have which lists. Without any, blocky blocks
// nothing.
func (c *converter) clientGroups(g *groups) {
	n := c.at("blocking.clientGroupsBlock")
	found := false
	n.children(func(client string, v *node) {
		found = true
		all := []string{}
		for _, one := range v.texts() {
			own := g.written[one.text]
			if len(own) == 0 {
				c.warn(one, "%s: left out, and blocks nothing: there is no list of this name", one.text)
			}
			all = append(all, own...)
		}
		if sel := c.selectors(v, client); sel != nil {
			c.policies = append(c.policies, sel.policies("lists", all)...)
		}
	})
	if !found && len(g.order) > 0 {
		c.say("blocking.clientGroupsBlock", "the file has none, so that blocky blocks nothing; to block here, add the policy {lists: [%s]}",
			summary(g.order))
		c.policies = append(c.policies, map[string]any{rankKey: byDefault, "lists": []string{}})
	}
}

// blockType translates how blocked names are answered.
func (c *converter) blockType() {
	c.set("block.ttl", "6h")
	if ttl, ok := c.duration(c.at("blocking.blockTTL")); ok {
		c.set("block.ttl", max(ttl, 0).String())
	}
	n := c.at("blocking.blockType")
	if n == nil || !n.scalar {
		return
	}
	switch t := strings.ToLower(n.one()); t {
	case "":
	case "zeroip", "nxdomain":
		c.set("block.answer", t)
	default:
		c.blockAddresses(n)
	}
}

func (c *converter) blockAddresses(n *node) {
	var list []string
	for _, one := range n.texts() {
		a, err := netip.ParseAddr(one.text)
		if err != nil || a.Zone() != "" {
			c.warn(one, "%q is neither zeroIp, nxDomain nor an address; it is not used", one.text)
			continue
		}
		list = append(list, a.Unmap().String())
	}
	if len(list) == 0 {
		c.warn(n, "blocked names are answered with 0.0.0.0 and ::, as by default")
		return
	}
	c.set("block.answer", "addresses")
	c.set("block.addresses", list)
}

// What a name must not have to be a key, and how it may begin.
var (
	notInKey  = regexp.MustCompile("[^a-zA-Z0-9_-]")
	startsKey = regexp.MustCompile("^[a-zA-Z_]")
)

// names gives each name of blocky one that can be a key here. The zero value is not
// ready for use.
type names map[string]string

// of returns the name for a name of blocky, which no other has.
func (m names) of(name string) string {
	own := notInKey.ReplaceAllString(name, "_") // a dot would split a key
	if !startsKey.MatchString(own) {
		own = "list_" + own // a number would be a position in a list
	}
	for i, base := 2, own; ; i++ {
		if _, taken := m[own]; !taken {
			m[own] = name
			return own
		}
		own = fmt.Sprintf("%s_%d", base, i)
	}
}
