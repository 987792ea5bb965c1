package dns

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// Settings are the settings of the resolver, translated and checked. [Parse]
// makes them without opening anything; [Settings.Check] looks at the files that
// they name and [Settings.Build] opens those.
type Settings struct {
	conf      *config.Resolver
	listen    []netip.AddrPort
	bootstrap []*upstream.Address // nil if upstreams are given by address only
	// systemBootstrap adds the servers that upstreams.default has by default.
	systemBootstrap bool
	groups          []group // "default" first; it is empty if the settings do not name it
	zones           []zone
	rewrites        []rewrite
	vetted          map[string]bool // rebinding.allow: names in wire form and lower case
	policy          dnspolicy.Config
	sources         []lists.Source
}

// rewrite replaces one end of a name by another, both in wire form and lower case.
type rewrite struct{ from, to []byte }

// parser translates the settings and collects their problems.
type parser struct {
	*config.Resolver
	problems config.Problems
	out      Settings
}

// Parse translates the settings of the resolver. It opens nothing. The error
// joins all problems, each a [config.Problem] with its key.
func Parse(c *config.Resolver) (*Settings, error) {
	p := &parser{Resolver: c, problems: config.Problems{Section: "resolver"}}
	p.out.conf = c
	p.listen()
	p.upstreams()
	localRecords(c, &p.problems)
	p.rewrites()
	p.lists()
	p.policy()
	p.rebinding()
	p.checkCache()
	p.checkLimits()
	p.checkService()
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	return &p.out, nil
}

func (p *parser) listen() {
	p.problems.Within("readers", p.Readers, 1, 64)
	for _, text := range p.Listen {
		a, err := netip.ParseAddrPort(text)
		if err != nil || a.Port() == 0 {
			p.problems.Addf("listen", "%q is not ADDRESS:PORT, such as 0.0.0.0:5353", text)
			continue
		}
		if a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() && a.Addr().Zone() == "" {
			p.problems.Addf("listen", "%q needs the interface, such as [%v%%eth0]:%d", text, a.Addr(), a.Port())
		}
		if slices.ContainsFunc(p.out.listen, func(b netip.AddrPort) bool { return overlap(a, b) }) {
			p.problems.Addf("listen", "%q is served by another address of the list; remove one of them, or change its port", text)
		}
		p.out.listen = append(p.out.listen, a)
	}
}

// overlap reports whether only one of two addresses can be listened on.
func overlap(a, b netip.AddrPort) bool {
	any4 := a.Addr() == netip.IPv4Unspecified() && b.Addr().Is4() || b.Addr() == netip.IPv4Unspecified() && a.Addr().Is4()
	any6 := a.Addr() == netip.IPv6Unspecified() && b.Addr().Is6() || b.Addr() == netip.IPv6Unspecified() && a.Addr().Is6()
	return a.Port() == b.Port() && (a.Addr() == b.Addr() || any4 || any6)
}

func (p *parser) rewrites() {
	for i, w := range p.Rewrite {
		key := item("rewrite", i)
		p.out.rewrites = append(p.out.rewrites, rewrite{from: p.name(key+".from", w.From), to: p.name(key+".to", w.To)})
	}
}

func (p *parser) rebinding() {
	p.out.vetted = map[string]bool{}
	for _, n := range p.Rebinding.Allow {
		p.out.vetted[string(p.name("rebinding.allow", strings.TrimPrefix(n, "*.")))] = true
	}
}

// name returns a name in wire form and lower case, the root if it is not a name.
func (p *parser) name(key, text string) []byte {
	n, err := dnsmsg.ParseName(nil, text)
	if err != nil {
		p.problems.Add(key, err)
		return []byte{0}
	}
	dnsmsg.Lower(n)
	return n
}

func (p *parser) checkCache() {
	c := &p.Cache
	p.problems.Within("cache.size_mb", c.SizeMB, 0, 4096)
	// RFC 8767 section 5 suggests one to three days. Here an address that has been
	// out of date for more than an hour is taken to do more harm than no answer.
	if c.Stale.D() > time.Hour {
		p.problems.Addf("cache.serve_stale", "%v is more than the maximum of 1h", c.Stale.D())
	}
}

func (p *parser) checkLimits() {
	l := &p.Limits
	p.problems.Within("limits.in_flight", l.InFlight, 1, 65536)
	for _, one := range []struct {
		key      string
		have     int
		smallest int
	}{
		{"in_flight_per_qube", l.QubeInFlight, 1},
		{"queries_per_second_per_qube", l.Rate, 0}, // no limit
		{"burst_per_qube", l.Burst, 0},
		{"tcp_connections", l.TCP, 1},
		{"tcp_connections_per_qube", l.QubeTCP, 1},
	} {
		if one.have < one.smallest {
			p.problems.Addf("limits."+one.key, "%d is below %d", one.have, one.smallest)
		}
	}
}

// checkService checks what is used as it stands: the words and numbers of fail,
// qvm_firewall, log and tsv.
func (p *parser) checkService() {
	p.problems.OneOf("fail", p.Fail, config.FailClosed, config.FailOpen)
	p.problems.OneOf("qvm_firewall.obey", p.Firewall.Obey, "auto", "always", "never")
	p.problems.Within("log.queue", p.Log.Queue, 16, 1<<20)
	if c := p.Log.Coalesce.D(); c != 0 && (c < time.Second || c > 10*time.Minute) {
		p.problems.Addf("log.coalesce", "%v is not within 1s and 10m, or 0 for off", c)
	}
	p.problems.Within("tsv.max_mb", p.TSV.MaxMB, 0, 1<<20)
	if p.TSV.RetentionDays < 0 {
		p.problems.Addf("tsv.retention_days", "%d is below 0", p.TSV.RetentionDays)
	}
}

// seconds returns a duration as a TTL, 0 for a negative one.
func seconds(d config.Duration) uint32 {
	return uint32(min(max(d.D().Seconds(), 0), math.MaxInt32))
}

// hasSchedule reports a schedule that is named at key and does not exist. An
// empty name is none.
func (p *parser) hasSchedule(key, name string) {
	if _, ok := p.Schedules[name]; name != "" && !ok {
		p.problems.Addf(key, "there is no schedule %q", name)
	}
}

// hasLists reports lists that are named at key and do not exist.
func (p *parser) hasLists(key string, names []string) {
	for _, name := range names {
		if _, ok := p.Lists[name]; !ok {
			p.problems.Addf(key, "there is no list %q", name)
		}
	}
}

// hasGroup reports a group of upstreams that is named at key and does not exist.
// An empty name is none.
func (p *parser) hasGroup(key, name string) {
	if name != "" && !slices.ContainsFunc(p.out.groups, func(g group) bool { return g.name == name }) {
		p.problems.Addf(key, "there is no group of upstreams %q", name)
	}
}
