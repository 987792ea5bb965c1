package dns_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// resolverWith returns the default settings with a change.
func resolverWith(change func(*config.Resolver)) *config.Resolver {
	c := config.Default().Resolver
	c.Listen = []string{"127.0.0.1:5353"}
	change(&c)
	return &c
}

// wantProblems fails unless err has all parts, and is nil if there are none. No
// message may show a verb of fmt that had nothing to print.
func wantProblems(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if (err != nil) != (len(want) > 0) {
		t.Fatalf("%s = %v; want %q", what, err, want)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s = %q; want %q in it", what, err, part)
		}
	}
	if err != nil && (strings.Contains(err.Error(), "%!") || strings.Contains(err.Error(), "<nil>")) {
		t.Errorf("%s = %q; want no trace of a missing error", what, err)
	}
}

// TestParse has a case for every rule; all problems are reported at once.
func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*config.Resolver)
		want   []string
	}{
		{"default", func(*config.Resolver) {}, nil},
		{"listen", func(c *config.Resolver) { c.Listen = []string{"x", "1.2.3.4:0"} },
			[]string{`resolver.listen: "x" is not ADDRESS:PORT`, `"1.2.3.4:0"`}},
		{"readers", func(c *config.Resolver) { c.Readers = 65 },
			[]string{"resolver.readers: 65 is not within 1 and 64"}},
		{"fail", func(c *config.Resolver) { c.Fail = "x" },
			[]string{`resolver.fail: "x" is not known; use closed or open`}},
		{"strategy", func(c *config.Resolver) { c.Strategy = "x" },
			[]string{`"x" is not known; use parallel_best, strict or random`}},
		{"timeout", func(c *config.Resolver) { c.Timeout = 1 },
			[]string{"resolver.timeout: 1ns is not within 50ms and the budget of 4s"}},
		{"server by name", func(c *config.Resolver) { c.Upstreams = map[string][]string{"default": {"tls://dns.example"}} },
			[]string{"resolver.upstreams.default: ", "tls://ADDRESS#dns.example, or set resolver.bootstrap"}},
		{"server by name with bootstrap", func(c *config.Resolver) {
			c.Upstreams, c.Bootstrap = map[string][]string{"default": {"tls://dns.example"}},
				[]string{"udp://9.9.9.9"}
		}, nil},
		{"bootstrap by name", func(c *config.Resolver) { c.Bootstrap = []string{"udp://dns.example"} },
			[]string{"resolver.bootstrap: "}},
		{"empty default", func(c *config.Resolver) { c.Upstreams = map[string][]string{"default": {}} },
			[]string{"resolver.upstreams.default: no server"}},
		{"no group", func(c *config.Resolver) { c.Upstreams = map[string][]string{} }, []string{"resolver.upstreams: no group"}},
		{"misspelt default", func(c *config.Resolver) { c.Upstreams = map[string][]string{"Defualt": {"tls://192.0.2.1"}} },
			[]string{"resolver.upstreams.Defualt: no policy names this group; did you mean default?"}},
		{"group with almost the name of the default", func(c *config.Resolver) {
			c.Upstreams = map[string][]string{"defaults": {"tls://192.0.2.1"}}
			c.Policies = []config.ResolverPolicy{{Upstream: "defaults"}}
		}, nil},
		{"server by name over udp", func(c *config.Resolver) { c.Upstreams = map[string][]string{"default": {"udp://dns.example"}} },
			[]string{"resolver.upstreams.default: ", "write udp://ADDRESS, or set resolver.bootstrap"}},
		{"servers by name, and the system's for their addresses", func(c *config.Resolver) {
			c.Upstreams = map[string][]string{"default": {"udp://dns.example", "https://dns.example"}}
			c.Bootstrap = []string{"system"}
		}, nil},
		{"zone without names", func(c *config.Resolver) { c.Zones = []config.ResolverZone{{Servers: []string{"192.0.2.1"}}} },
			[]string{"resolver.zones.0.names: no name"}},
		{"addresses that overlap", func(c *config.Resolver) { c.Listen = []string{"127.0.0.1:53", "0.0.0.0:53", "[::]:53", "127.0.0.1:54"} },
			[]string{`resolver.listen: "0.0.0.0:53" is served by another address`}},
		{"link-local address without a zone", func(c *config.Resolver) { c.Listen = []string{"[fe80::1]:5353", "[fe80::1%eth0]:5354"} },
			[]string{`resolver.listen: "[fe80::1]:5353" needs the interface, such as [fe80::1%eth0]:5353`}},
		{"servers that are the resolver itself", func(c *config.Resolver) {
			c.Listen = []string{"127.0.0.1:5353", "[::]:5354", "0.0.0.0:5355"}
			c.Bootstrap = []string{"tcp://[::1]:5354"}
			c.Upstreams = map[string][]string{"default": {"udp://127.0.0.1:5353"}}
			c.Zones = []config.ResolverZone{{Names: []string{"lan"}, Servers: []string{"udp://127.0.0.53:5355"}}}
		}, []string{"resolver.upstreams.default: \"udp://127.0.0.1:5353\" is this resolver itself", "resolver.bootstrap: \"tcp://[::1]:5354\" is",
			"resolver.zones.0.servers: \"udp://127.0.0.53:5355\" is"}},
		{"servers that are almost the resolver itself", func(c *config.Resolver) {
			c.Listen = []string{"127.0.0.1:5353", "[::]:5354"}
			c.Upstreams = map[string][]string{"default": {"udp://127.0.0.1", "udp://127.0.0.1:5354", "udp://127.0.0.2:5353", "tls://127.0.0.1:5353#dns.example", "udp://[2001:db8::1]:5354"}}
		}, nil},
		{"empty group", func(c *config.Resolver) { c.Upstreams = map[string][]string{"vpn": nil} },
			[]string{"resolver.upstreams.vpn: no server"}},
		{"zone", func(c *config.Resolver) { c.Zones = []config.ResolverZone{{Names: []string{"a..b"}}} },
			[]string{"resolver.zones.0.servers: no server", "resolver.zones.0.names: "}},
		{"record", func(c *config.Resolver) {
			c.Records = []config.ResolverRecord{{Name: "a.lan"}, {Name: "b.lan", Addresses: []string{"x"}}, {Name: "a..b", OtherTypes: true, Alias: "c"}}
		},
			[]string{"resolver.records.0: needs either addresses or an alias", "resolver.records.1.addresses: ", "resolver.records.2.alias: "}},
		{"zone records", func(c *config.Resolver) { c.ZoneRecords = "x" }, []string{"resolver.zone_records: "}},
		{"rewrite", func(c *config.Resolver) { c.Rewrite = []config.ResolverRewrite{{From: "a..b", To: "c"}} },
			[]string{"resolver.rewrite.0.from: "}},
		{"list", func(c *config.Resolver) { c.Lists = map[string]config.ResolverList{"ads": {Schedule: "night"}} },
			[]string{"resolver.lists.ads: neither deny nor allow", `resolver.lists.ads.schedule: there is no schedule "night"`}},
		{"refresh", func(c *config.Resolver) { c.Refresh = config.ResolverRefresh{} },
			[]string{"list_refresh.start", "list_refresh.max_mb", "list_refresh.attempts", "list_refresh.timeout"}},
		{"schedule", func(c *config.Resolver) {
			c.Schedules = map[string]config.ResolverSchedule{"night": {Weekdays: []string{"x"}, Start: "22", End: "24:00"}}
		},
			[]string{`resolver.schedules.night.weekdays: "x" is not a day of the week`, `resolver.schedules.night.start: "22" is not a time of day`}},
		{"policy", func(c *config.Resolver) {
			c.Policies = []config.ResolverPolicy{{Qubes: []string{"["}, Addresses: []string{"x"}, Lists: []string{"ads"}, Upstream: "vpn", Schedule: "night", NoTypes: []string{"x"}}}
		},
			[]string{`resolver.policies.0: "[" is not a pattern`, `resolver.policies.0.addresses: "x"`, `resolver.policies.0.lists: there is no list "ads"`,
				`resolver.policies.0.upstream: there is no group of upstreams "vpn"`, `resolver.policies.0.schedule`, `resolver.policies.0.no_types: "x" is not a record type`}},
		{"block", func(c *config.Resolver) {
			c.Block = config.ResolverBlock{Answer: "addresses"}
			c.Policies = []config.ResolverPolicy{{Block: &config.ResolverBlock{Answer: "x", Addresses: []string{"y"}}}}
		},
			[]string{"resolver.block: set both answer: addresses and a list", `resolver.policies.0.block.answer: "x" is not known`, `resolver.policies.0.block.addresses: "y" is not an address`}},
		{"cache", func(c *config.Resolver) { c.Cache.SizeMB, c.Cache.Stale = 4097, config.Duration(2*time.Hour) },
			[]string{"resolver.cache.size_mb: 4097 is not within 0 and 4096", "resolver.cache.serve_stale: 2h0m0s is more than the maximum of 1h"}},
		{"limits", func(c *config.Resolver) { c.Limits = config.ResolverLimits{Rate: -1, Burst: -1} },
			[]string{"limits.in_flight: 0 is not within 1 and 65536", "limits.in_flight_per_qube: 0 is below 1", "limits.queries_per_second_per_qube: -1 is below 0",
				"limits.burst_per_qube", "limits.tcp_connections: 0", "limits.tcp_connections_per_qube: 0"}},
		{"firewall", func(c *config.Resolver) { c.Firewall.Obey = "x" },
			[]string{`qvm_firewall.obey: "x" is not known; use auto, always or never`}},
		{"log", func(c *config.Resolver) { c.Log.Queue, c.Log.Coalesce, c.TSV.RetentionDays = 1, 1, -1 },
			[]string{"log.queue: 1 is not within 16 and 1048576", "log.coalesce: 1ns is not within 1s and 10m", "tsv.retention_days: -1 is below 0"}},
		{"files", func(c *config.Resolver) {
			c.CAFile, c.HostsFiles = "/nonexistent",
				[]string{"/nonexistent"}
		}, nil}, // they are not opened
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := dns.Parse(resolverWith(tt.change))
			wantProblems(t, "Parse", err, tt.want...)
		})
	}
}

// filesFixture are files that hold what they should, or not.
func filesFixture(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"good.hosts": "10.0.0.1 a.lan\n", "bad.hosts": "a\nb\nc\nd\ne\nf\ng\n", "bad.pem": "text\n", "good.list": "ads.example\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSettings_files has Check and Build report the same problems of files, each
// with its key and the file.
func TestSettings_files(t *testing.T) {
	t.Parallel()
	dir := filesFixture(t)
	for _, tt := range []struct {
		name   string
		change func(*config.Resolver)
		want   []string
	}{
		{"none", func(*config.Resolver) {}, nil},
		{"hosts", func(c *config.Resolver) { c.HostsFiles = []string{dir + "/good.hosts"} }, nil},
		{"no hosts", func(c *config.Resolver) { c.HostsFiles = []string{dir + "/absent"} },
			[]string{"resolver.hosts_files: open " + dir + "/absent"}},
		{"invalid lines", func(c *config.Resolver) { c.HostsFiles = []string{dir + "/bad.hosts"} },
			[]string{"resolver.hosts_files: " + dir + "/bad.hosts: 7 invalid lines"}},
		{"no authorities", func(c *config.Resolver) { c.CAFile = dir + "/absent" },
			[]string{"resolver.ca_file: open " + dir + "/absent"}},
		{"wrong authorities", func(c *config.Resolver) { c.CAFile = dir + "/bad.pem" },
			[]string{"resolver.ca_file: " + dir + "/bad.pem: no certificates in it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := dns.Parse(resolverWith(tt.change))
			if err != nil {
				t.Fatal(err)
			}
			wantProblems(t, "Check", s.Check(t.TempDir()), tt.want...)
			_, err = s.Build([]string{"udp://127.0.0.1"}, t.TempDir(), nil)
			wantProblems(t, "Build", err, tt.want...)
		})
	}
}

// TestSettings_Check also looks at what a resolver opens after it was built.
func TestSettings_Check(t *testing.T) {
	t.Parallel()
	dir := filesFixture(t)
	s, err := dns.Parse(resolverWith(func(c *config.Resolver) {
		c.Lists = map[string]config.ResolverList{
			"ads":  {Deny: []string{dir + "/absent.list", "https://lists.example/x", "a.example\n"}},
			"good": {Deny: []string{dir + "/good.list"}},
		}
		c.TSV.Dir, c.Refresh.Dir, c.Socket = dir+"/tsv", "/proc/lists", "/proc/nowhere/dns.sock"
	}))
	if err != nil {
		t.Fatal(err)
	}
	wantProblems(t, "Check", s.Check(t.TempDir()), "resolver.lists.ads: open "+dir+"/absent.list", "resolver.tsv.dir: "+dir+"/tsv is not a directory",
		"resolver.list_refresh.dir: ", "resolver.socket: ")
	if err := s.Check(t.TempDir()); strings.Contains(err.Error(), "lists.good") || strings.Contains(err.Error(), "lists.example") {
		t.Errorf("Check = %v; want only what is wrong", err)
	}
}

// TestSettings_Check_lists judges lists as a start does.
func TestSettings_Check_lists(t *testing.T) {
	t.Parallel()
	wrong := strings.Repeat("no rule at all\n", 10)
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte("a.test\nb.test\nc.test\n"+wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, source string
		max          int
		want         []string
	}{
		{"a file of wrong lines", path, 0, []string{"resolver.lists.ads: " + path + ": most lines are no rules"}},
		{"a file of wrong lines with a limit", path, 5, nil},
		{"the user's own wrong lines", "a.test\n" + wrong, 0, nil},
		{"a page", "<!DOCTYPE html>\n<html></html>\n", 0, []string{"resolver.lists.ads: inline: "}},
	} {
		s, err := dns.Parse(resolverWith(func(c *config.Resolver) {
			c.Upstreams = map[string][]string{"default": {"udp://192.0.2.53"}}
			c.Lists = map[string]config.ResolverList{"ads": {Deny: []string{tt.source}}}
			c.Refresh.MaxErrors = tt.max
		}))
		if err != nil {
			t.Fatal(err)
		}
		wantProblems(t, tt.name, s.Check(t.TempDir()), tt.want...)
		c, err := s.Build(nil, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Lists.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if used := c.Lists.Status()[0].Rules > 0; used != (tt.want == nil) {
			t.Errorf("%s: a start uses it: %v; Check says %v", tt.name, used, tt.want == nil)
		}
	}
}

// TestSettings_Build_bootstrap asks the servers of the system for the addresses of
// upstreams only if the settings say so.
func TestSettings_Build_bootstrap(t *testing.T) {
	t.Parallel()
	s, err := dns.Parse(resolverWith(func(c *config.Resolver) {
		c.Upstreams, c.Bootstrap = map[string][]string{"default": {"tls://dns.example"}}, []string{"system"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Build(nil, t.TempDir(), nil)
	wantProblems(t, "Build without servers of the system", err, "resolver.bootstrap: neither Qubes nor /etc/resolv.conf names a server")
	c, err := s.Build([]string{"192.0.2.53"}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if have := c.Groups[0].Stats(); len(have) != 1 || have[0].Address.String() != "tls://dns.example:853" {
		t.Errorf("the default group = %v; want the one that the settings name", have)
	}
}

// TestSettings_Build takes the upstreams of the system if the settings name none,
// and gives each call its own records.
func TestSettings_Build(t *testing.T) {
	t.Parallel()
	s, err := dns.Parse(resolverWith(func(c *config.Resolver) { c.Upstreams = map[string][]string{"vpn": {"udp://10.9.9.9"}} }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Build(nil, "", nil)
	wantProblems(t, "Build without upstreams", err, "resolver.upstreams.default: no server")
	_, err = s.Build([]string{"x y"}, "", nil)
	wantProblems(t, "Build with a wrong upstream", err, "resolver.upstreams.default: ")
	a, err := s.Build([]string{"10.139.1.1"}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Build([]string{"10.139.1.1"}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Groups) != 2 || len(a.Policy.Upstreams) != 2 || a.Policy.Upstreams[1] != "vpn" {
		t.Errorf("Build = %d groups, %q; want default and vpn", len(a.Groups), a.Policy.Upstreams)
	}
	if a.Records == b.Records || a.Policy == b.Policy {
		t.Error("two calls of Build share records or policy")
	}
}

// TestParse_readers holds that the reference names the limits and the default of
// readers as they are.
func TestParse_readers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("_meta/config.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "each UDP address, from 1 to 64.\n    #readers: 1\n") {
		t.Error("_meta/config.yml does not say that readers is from 1 to 64, by default 1")
	}
	for n, ok := range map[int]bool{0: false, 1: true, 64: true, 65: false} {
		_, err := dns.Parse(resolverWith(func(c *config.Resolver) { c.Readers = n }))
		if (err == nil) != ok {
			t.Errorf("Parse with %d readers = %v; want success: %v", n, err, ok)
		}
	}
	if n := config.Default().Resolver.Readers; n != 1 {
		t.Errorf("the default is %d; want 1", n)
	}
}

// TestSettings_Build_own leaves out servers of the system that are the resolver itself, which
// the programs of this machine may use.
func TestSettings_Build_own(t *testing.T) {
	t.Parallel()
	s, err := dns.Parse(resolverWith(func(c *config.Resolver) { c.Listen, c.Upstreams = []string{"127.0.0.1:53", "[::]:53"}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Build([]string{"127.0.0.1", "::1"}, t.TempDir(), nil)
	wantProblems(t, "Build with itself only", err, "resolver.upstreams.default: no server")
	c, err := s.Build([]string{"127.0.0.1", "192.0.2.53", "::1"}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if have := c.Groups[0].Stats(); len(have) != 1 || have[0].Address.String() != "udp://192.0.2.53:53" {
		t.Errorf("the default group = %v; want the other server", have)
	}
}
