package config

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// builder translates the settings and collects what is wrong with them.
type builder struct {
	*Resolver
	errs []error
	out  resolver.Config
	dir  string // for the copies of lists
}

func (b *builder) bad(key, format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf("resolver."+key+": "+format, args...))
}

// Build translates the settings. defaults are the upstreams to use where the
// settings name none, dir is where copies of lists are kept where they name no
// other place. It opens nothing but the files that the settings name.
func (r *Resolver) Build(defaults []string, dir string) (*resolver.Config, error) {
	b := &builder{Resolver: r, dir: dir}
	if r.Refresh.Dir != "" {
		b.dir = r.Refresh.Dir
	}
	b.listen()
	b.upstreams(defaults)
	b.records()
	b.lists()
	b.policy()
	b.rest()
	return &b.out, errors.Join(b.errs...)
}

func (b *builder) listen() {
	b.out.Readers = b.Readers
	if b.Readers < 1 || b.Readers > 64 {
		b.bad("readers", "%d is not within 1 and 64", b.Readers)
	}
	for _, text := range b.Listen {
		a, err := netip.ParseAddrPort(text)
		if err != nil || a.Port() == 0 {
			b.bad("listen", "%q is not ADDRESS:PORT, such as 0.0.0.0:5353", text)
			continue
		}
		b.out.Listen = append(b.out.Listen, a)
	}
}

var strategies = []string{string(upstream.ParallelBest), string(upstream.Strict), string(upstream.Random)}

// upstreams makes the groups. The default one comes first.
func (b *builder) upstreams(defaults []string) {
	if !slices.Contains(strategies, b.Strategy) {
		b.bad("strategy", "%q is not known; use one of %s", b.Strategy, strings.Join(strategies, ", "))
	}
	if t := b.Timeout.D(); t < 50*time.Millisecond || t > b.Budget.D() || b.Budget.D() > time.Minute {
		b.bad("timeout", "%v is not within 50ms and the budget of %v, which is not above 1m", t, b.Budget.D())
	}
	roots := b.roots()
	lookup := b.bootstrap()
	group := func(key string, servers []string) *upstream.Group {
		c := upstream.Config{Strategy: upstream.Strategy(b.Strategy), Timeout: b.Timeout.D(), Roots: roots, Lookup: lookup}
		c.Servers = b.servers(key, servers, lookup != nil)
		return upstream.NewGroup(c)
	}
	names := slices.Sorted(maps.Keys(b.Upstreams))
	names = slices.DeleteFunc(names, func(n string) bool { return n == "default" })
	main := b.Upstreams["default"]
	if len(main) == 0 {
		main = defaults
	}
	b.out.Groups = append(b.out.Groups, group("upstreams.default", main))
	policy := &dnspolicy.Config{Upstreams: append([]string{"default"}, names...)}
	for _, n := range names {
		b.out.Groups = append(b.out.Groups, group("upstreams."+n, b.Upstreams[n]))
	}
	for i, z := range b.Zones {
		key := fmt.Sprintf("zones.%d", i)
		g := group(key+".servers", z.Servers)
		for _, n := range z.Names {
			b.out.Zones = append(b.out.Zones, resolver.Zone{Name: b.name(key+".names", n), Group: g})
		}
	}
	b.out.Policy = policy
}

func (b *builder) roots() *x509.CertPool {
	if b.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(b.CAFile)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		b.bad("ca_file", "%s: no certificates in it: %v", b.CAFile, err)
	}
	return pool
}

// bootstrap makes the search for addresses of hosts, nil where there is none.
func (b *builder) bootstrap() func(context.Context, string) (net.IP, error) {
	servers := b.servers("bootstrap", b.Bootstrap, false)
	if len(servers) == 0 {
		return nil
	}
	g := upstream.NewGroup(upstream.Config{Servers: servers, Strategy: upstream.ParallelBest, Timeout: b.Timeout.D()})
	return upstream.NewBootstrap(g).Lookup
}

func (b *builder) servers(key string, texts []string, names bool) (list []*upstream.Address) {
	for _, text := range texts {
		a, err := upstream.Parse(text)
		switch {
		case err != nil:
			b.bad(key, "%w", err)
			continue
		case !a.IP.IsValid() && a.Proto == upstream.UDP:
			b.bad(key, "%q: give the address of a server that is asked over udp", text)
		case !a.IP.IsValid() && !names:
			b.bad(key, "%q: nobody knows the address of %s yet; write %s://ADDRESS#%s, or set resolver.bootstrap", text, a.Host, a.Proto, a.Host)
		}
		list = append(list, a)
	}
	if len(texts) == 0 && key != "bootstrap" {
		b.bad(key, "no server; name one, such as udp://10.139.1.1")
	}
	return list
}

// name returns a name in wire form and lower case.
func (b *builder) name(key, text string) []byte {
	n, err := dnsmsg.ParseName(nil, text)
	if err != nil {
		b.bad(key, "%w", err)
		return []byte{0}
	}
	dnsmsg.Lower(n)
	return n
}

// records reads what is answered without asking.
func (b *builder) records() {
	z := localdata.NewRecords()
	for i, r := range b.Records {
		key := fmt.Sprintf("records.%d", i)
		ttl := uint32(3600)
		if r.TTL.D() > 0 {
			ttl = uint32(r.TTL.D().Seconds())
		}
		if (len(r.Addresses) == 0) == (r.Alias == "") {
			b.bad(key, "want addresses, or an alias")
		}
		for _, text := range r.Addresses {
			a, err := netip.ParseAddr(text)
			if err == nil {
				err = z.Address(r.Name, a.Unmap(), ttl, dnsevent.FromRecords)
			}
			b.join(key+".addresses", err)
		}
		if r.Alias != "" {
			b.join(key+".alias", z.Alias(r.Name, r.Alias, ttl))
		}
		if r.OtherTypes {
			b.join(key+".name", z.Open(r.Name))
		}
	}
	b.join("zone_records", z.Zone(b.ZoneRecords))
	for _, path := range b.HostsFiles {
		f, err := os.Open(path)
		if err != nil {
			b.join("hosts_files", err)
			continue
		}
		if wrong, err := z.Hosts(f, 3600, false); err != nil || wrong > 5 {
			b.bad("hosts_files", "%s: %d wrong lines %w", path, wrong, err)
		}
		_ = f.Close()
	}
	for i, w := range b.Rewrite {
		key := fmt.Sprintf("rewrite.%d", i)
		b.out.Rewrites = append(b.out.Rewrites, localdata.Rewrite{From: b.name(key+".from", w.From), To: b.name(key+".to", w.To)})
	}
	b.out.Records = z
}

func (b *builder) join(key string, err error) {
	if err != nil {
		b.bad(key, "%w", err)
	}
}

// lists makes the manager of the lists and what a policy knows of them.
func (b *builder) lists() {
	var sources []lists.Source
	for _, name := range slices.Sorted(maps.Keys(b.Lists)) {
		l := b.Lists[name]
		p := dnspolicy.List{Name: name, Schedule: l.Schedule, AllowOnly: len(l.Deny) == 0}
		if len(l.Deny)+len(l.Allow) == 0 {
			b.bad("lists."+name, "neither deny nor allow: a list has one source at least")
		}
		for _, text := range l.Deny {
			p.Deny, p.Except = append(p.Deny, lists.Deny(len(sources))), append(p.Except, lists.Allowed(len(sources)))
			sources = append(sources, lists.Source{List: name, Location: text})
		}
		for _, text := range l.Allow {
			p.Allow = append(p.Allow, lists.Allowed(len(sources)))
			sources = append(sources, lists.Source{List: name, Allow: true, Location: text})
		}
		b.schedule("lists."+name+".schedule", l.Schedule)
		b.out.Policy.Lists = append(b.out.Policy.Lists, p)
	}
	r := &b.Refresh
	if !slices.Contains([]string{"fast", "blocking", "fail_on_error"}, r.Start) {
		b.bad("list_refresh.start", "%q is not known; use fast, blocking or fail_on_error", r.Start)
	}
	if r.MaxMB < 1 || r.MaxMB > 1024 || r.Attempts < 1 || r.Timeout.D() <= 0 {
		b.bad("list_refresh", "want max_mb within 1 and 1024, one attempt at least, and a timeout")
	}
	m, err := lists.New(lists.Config{Sources: sources, Dir: b.dir, Period: r.Period.D(), Timeout: r.Timeout.D(), Attempts: r.Attempts,
		Cooldown: r.Cooldown.D(), MaxBytes: int64(r.MaxMB) << 20, Compat: r.Blocky, MaxFaults: r.MaxErrors, Client: b.client()})
	b.join("lists", err)
	b.out.Lists = m
}

// client fetches lists. The names of their hosts are looked up at the default
// upstreams: the system's resolver may be ourselves.
func (b *builder) client() *http.Client {
	boot := upstream.NewBootstrap(b.out.Groups[0])
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		ip, err := boot.Lookup(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("finding the address of %s: %w", host, err)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: b.Refresh.Timeout.D()}}
}

func (b *builder) schedule(key, name string) {
	if _, ok := b.Schedules[name]; name != "" && !ok {
		b.bad(key, "there is no schedule %q", name)
	}
}
