package dns

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/spell"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// defaultGroup is the group of upstreams that is asked if nothing names another.
const defaultGroup = "default"

// group is a group of upstreams under its name.
type group struct {
	name    string
	servers []*upstream.Address
}

// zone is a part of the tree of names with upstreams that differ from the group
// of the client.
type zone struct {
	names   [][]byte // wire form, lower case
	servers []*upstream.Address
}

// upstreams translates the groups. The default one comes first.
func (p *parser) upstreams() {
	p.problems.OneOf("strategy", p.Strategy, string(upstream.ParallelBest), string(upstream.Strict), string(upstream.Random))
	if t := p.Timeout.D(); t < 50*time.Millisecond || t > p.Budget.D() || p.Budget.D() > time.Minute {
		p.problems.Addf("timeout", "%v is not within 50ms and the budget of %v, or the budget is above 1m", t, p.Budget.D())
	}
	p.bootstrap()
	p.out.groups = []group{{defaultGroup, p.defaultServers()}}
	for _, name := range slices.Sorted(maps.Keys(p.Upstreams)) {
		if name != defaultGroup {
			p.out.groups = append(p.out.groups, group{name, p.required("upstreams."+name, p.Upstreams[name])})
			p.hasUse(name)
		}
	}
	for i, z := range p.Zones {
		key := item("zones", i)
		one := zone{servers: p.required(key+".servers", z.Servers)}
		if len(z.Names) == 0 {
			p.problems.Addf(key+".names", "no name; without one these servers are asked for nothing")
		}
		for _, n := range z.Names {
			one.names = append(one.names, p.name(key+".names", n))
		}
		p.out.zones = append(p.out.zones, one)
	}
}

// defaultServers translates the default group, which may be absent. An empty one is an
// error: the file says that it is not to be that of the system.
func (p *parser) defaultServers() []*upstream.Address {
	texts, ok := p.Upstreams[defaultGroup]
	switch {
	case ok:
		return p.required("upstreams."+defaultGroup, texts)
	case p.Upstreams != nil && len(p.Upstreams) == 0:
		p.problems.Addf("upstreams", "no group; remove the key to ask the servers that Qubes gave this qube")
	}
	return nil
}

// misspelt is the number of letters in which a name differs from another at most to be
// taken for it.
const misspelt = 2

// hasUse reports a group that nothing asks although its name is almost that of the
// default: the servers of the system would be asked instead.
func (p *parser) hasUse(name string) {
	if _, ok := p.Upstreams[defaultGroup]; ok || spell.Distance(strings.ToLower(name), defaultGroup) > misspelt {
		return
	}
	if !slices.ContainsFunc(p.Policies, func(r config.ResolverPolicy) bool { return r.Upstream == name }) {
		p.problems.Addf("upstreams."+name, "no policy names this group; did you mean %s?", defaultGroup)
	}
}

// systemServers in resolver.bootstrap stands for the servers that Qubes gave this
// qube, or else those of /etc/resolv.conf.
const systemServers = "system"

// bootstrap translates the servers that know the addresses of others.
func (p *parser) bootstrap() {
	for _, text := range p.Bootstrap {
		if text == systemServers {
			p.out.systemBootstrap = true
			continue
		}
		p.out.bootstrap = append(p.out.bootstrap, p.servers("bootstrap", []string{text}, false)...)
	}
}

// hostnames reports whether servers may be given by name.
func (p *parser) hostnames() bool { return len(p.out.bootstrap) > 0 || p.out.systemBootstrap }

// required translates servers of which there must be one at least.
func (p *parser) required(key string, texts []string) []*upstream.Address {
	if len(texts) == 0 {
		p.problems.Addf(key, "no server; name one, such as udp://10.139.1.1")
	}
	return p.servers(key, texts, p.hostnames())
}

// servers translates servers. Unless hostnames is set, they must be given by
// address.
func (p *parser) servers(key string, texts []string, hostnames bool) (list []*upstream.Address) {
	for _, text := range texts {
		a, err := upstream.Parse(text)
		switch {
		case err != nil:
			p.problems.Add(key, err)
			continue
		case !a.IP.IsValid() && !hostnames:
			p.problems.Addf(key, "%q: the address of %s is not known; write %s, or set resolver.bootstrap", text, a.Host, byAddress(a))
		case p.isOwn(a):
			p.problems.Addf(key, "%q is this resolver itself, which would ask itself for ever; name another server", text)
		}
		list = append(list, a)
	}
	return list
}

// isOwn reports whether a server is one of the addresses that the resolver listens on.
func (p *parser) isOwn(a *upstream.Address) bool {
	at := netip.AddrPortFrom(a.IP, a.Port)
	return a.Proto < upstream.TLS && slices.ContainsFunc(p.out.listen, func(own netip.AddrPort) bool {
		return overlap(own, at) && (own == at || a.IP.IsLoopback())
	})
}

// others returns those of the system's servers that are not the resolver itself, which the
// programs of this machine may use.
func (p *parser) others(texts []string) (list []string) {
	for _, text := range texts {
		if a, err := upstream.Parse(text); err != nil || !p.isOwn(a) {
			list = append(list, text)
		}
	}
	return list
}

// byAddress returns how to write a server without its name.
func byAddress(a *upstream.Address) string {
	if a.Proto < upstream.TLS {
		return a.Proto.String() + "://ADDRESS"
	}
	return a.Proto.String() + "://ADDRESS#" + a.Host
}

// item returns the key of an item of a list.
func item(key string, i int) string { return key + "." + strconv.Itoa(i) }
