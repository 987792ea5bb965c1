package dns

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/textmark"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Build opens the files that the settings name and makes what the resolver works
// with. defaults are the upstreams to use if the settings name none; dir keeps the
// copies of lists if the settings name no other directory; keeper, which may be nil,
// recovers from panics. The error joins all problems. Each call returns a value that
// shares nothing that changes with those of other calls.
func (s *Settings) Build(defaults []string, dir string, keeper *guard.Keeper) (*resolver.Config, error) {
	p := &parser{Resolver: s.conf, problems: config.Problems{Section: "resolver"}, out: *s}
	groups := s.groups
	defaults = p.others(defaults)
	if len(groups[0].servers) == 0 {
		groups = append([]group{{defaultGroup, p.required("upstreams."+defaultGroup, defaults)}}, groups[1:]...)
	}
	roots, err := readRoots(s.conf.CAFile)
	p.problems.Add("ca_file", err)
	out := &resolver.Config{Guard: keeper, Listen: s.listen, Readers: s.conf.Readers, Cache: s.cache(), Limits: s.limits()}
	policy := s.policy
	out.Policy = &policy
	out.Special, out.PrivateTLDs, out.MixCase = s.conf.Special.Enabled, s.conf.Special.AppendixG, s.conf.MixCase
	out.Public = s.vetted
	answers := keeper.Part("resolver/upstream")
	s.addGroups(out, groups, upstream.Config{
		Strategy: upstream.Strategy(s.conf.Strategy), Timeout: s.conf.Timeout.D(), Roots: roots,
		Lookup: s.lookup(p, defaults, answers), Guard: answers,
	})
	out.Records = localRecords(s.conf, &p.problems)
	readHosts(out.Records, s.conf.HostsFiles, &p.problems)
	for _, w := range s.rewrites {
		out.Rewrites = append(out.Rewrites, localdata.Rewrite{From: w.from, To: w.to})
	}
	if s.conf.Refresh.Dir != "" {
		dir = s.conf.Refresh.Dir
	}
	out.Lists, err = s.manager(dir, out.Groups[0], keeper.Part("resolver/lists"))
	p.problems.Add("lists", err)
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// addGroups makes the groups of upstreams, and those of zones, from a template.
func (s *Settings) addGroups(out *resolver.Config, groups []group, template upstream.Config) {
	newGroup := func(servers []*upstream.Address) *upstream.Group {
		c := template
		c.Servers = servers
		return upstream.NewGroup(c)
	}
	for _, g := range groups {
		out.Groups = append(out.Groups, newGroup(g.servers))
	}
	for _, z := range s.zones {
		g := newGroup(z.servers)
		for _, n := range z.names {
			out.Zones = append(out.Zones, resolver.Zone{Name: n, Group: g})
		}
	}
}

func (s *Settings) cache() resolver.Cache {
	c := &s.conf.Cache
	return resolver.Cache{
		Size: c.SizeMB << 20, MinTTL: seconds(c.MinTTL), MaxTTL: seconds(c.MaxTTL), MaxNegative: seconds(c.MaxNegative),
		Prefetch: c.Prefetch, Stale: max(0, c.Stale.D()),
	}
}

func (s *Settings) limits() resolver.Limits {
	l := &s.conf.Limits
	return resolver.Limits{
		InFlight: l.InFlight, QubeInFlight: l.QubeInFlight, Rate: l.Rate, Burst: l.Burst, TCP: l.TCP, QubeTCP: l.QubeTCP,
		Budget: s.conf.Budget.D(),
	}
}

// readRoots reads the certificate authorities of a file, nil for those of the
// system if there is no path.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w; correct the path, or remove the key to use the authorities of the system", err)
	}
	if pem, err = textmark.Trim(pem); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificates in it; name a file of certificates in PEM form", path)
	}
	return pool, nil
}

// lookup returns the function that finds the addresses of upstreams given by name,
// nil without resolver.bootstrap.
func (s *Settings) lookup(p *parser, defaults []string, part *guard.Part) upstream.Lookup {
	servers := s.bootstrap
	if s.systemBootstrap {
		servers = append(slices.Clone(servers), p.servers("bootstrap", defaults, false)...)
	}
	if len(servers) == 0 {
		if s.systemBootstrap {
			p.problems.Addf("bootstrap", "neither Qubes nor /etc/resolv.conf names a server; name one, such as udp://10.139.1.1")
		}
		return nil
	}
	c := upstream.Config{Servers: servers, Strategy: upstream.ParallelBest, Timeout: s.conf.Timeout.D(), Guard: part}
	return upstream.NewBootstrap(upstream.NewGroup(c)).Addresses
}

// manager returns the manager of the lists, which are fetched with the help of the
// default group.
func (s *Settings) manager(dir string, main *upstream.Group, part *guard.Part) (*lists.Manager, error) {
	r, o := &s.conf.Refresh, s.listOptions()
	return lists.New(lists.Config{
		Guard: part, Sources: s.sources, Dir: dir, Period: r.Period.D(),
		Timeout: r.Timeout.D(), Attempts: r.Attempts, Cooldown: r.Cooldown.D(),
		MaxBytes: int64(r.MaxMB) << 20, Compat: o.Compat, MaxFaults: o.MaxFaults,
		// The system's resolver may be this one.
		Lookup: upstream.NewBootstrap(main).Lookup, Proxy: http.ProxyFromEnvironment, Private: s.mayBePrivate,
	})
}

// listOptions returns the options for reading a list.
func (s *Settings) listOptions() blocklist.Options {
	return blocklist.Options{Compat: s.conf.Refresh.Blocky, MaxFaults: s.conf.Refresh.MaxErrors}
}

// mayBePrivate reports whether a server of lists may have a private address: one
// whose name does not belong to the public network, such as nas or nas.lan, or is in
// rebinding.allow or in a zone with upstreams of its own. The owner of any other name
// could let it lead anywhere.
func (s *Settings) mayBePrivate(host string) bool {
	name, err := dnsmsg.ParseName(nil, host)
	if err != nil {
		return false
	}
	dnsmsg.Lower(name)
	if dnsmsg.Labels(name) == 1 || localdata.IsSpecial(name) {
		return true
	}
	for up := name; len(up) > 1; up = dnsmsg.Parent(up) {
		if s.vetted[string(up)] {
			return true
		}
	}
	return slices.ContainsFunc(s.zones, func(z zone) bool {
		return slices.ContainsFunc(z.names, func(top []byte) bool { return len(top) > 1 && dnsmsg.Below(name, top) })
	})
}
