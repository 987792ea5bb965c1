package blocky_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	conf "github.com/elastic/elastic-agent-libs/config"
	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/blocky"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// anyFile takes every file for one that can be read.
type anyFile struct{}

// List implements [blocky.Files].
func (anyFile) List(path string, _ blocklist.Options) (string, error) { return path, nil }

// Hosts implements [blocky.Files].
func (anyFile) Hosts(path string) (string, error) { return path, nil }

// Dir implements [blocky.Files].
func (anyFile) Dir(path string) (string, error) { return path, nil }

// TestConvert goes through the keys of blocky, those of earlier versions
// included: each is in the result or in a warning.
func TestConvert(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want, warning string }{
		{"upstream: {default: [1.1.1.1]}", "default: ['udp://1.1.1.1']", ""},
		{"upstreams: {groups: {default: [tcp:1.1.1.1, 'tcp-tls:[2606::1]:853']}}", "default: ['tcp://1.1.1.1', 'tls://[2606::1]:853']", ""},
		{"upstreams: {groups: {default: ['sdns://x', 1.1.1.1]}}", "default: ['udp://1.1.1.1']", "upstreams.groups.default.0: sdns://x"},
		{"upstreams: {groups: {default: [1.1.1.1], 10.0.0.0/8: [9.9.9.9]}}", "addresses: [10.0.0.0/8]", ""},
		{"upstreams: {init: {strategy: failOnError}}", "", "upstreams.init.strategy"},
		{"upstreams: {userAgent: x}", "", "upstreams.userAgent: not translated"},
		{"bootstrapDns: tcp+udp:1.1.1.1", "bootstrap: ['udp://1.1.1.1']", ""},
		{"port: 127.0.0.1:5400", "listen: ['127.0.0.1:5400']", ""},
		{"upstreams: {groups: {default: [127.0.0.1:5353]}}", "listen: ['0.0.0.0:5354']", "port 53 became 5354"},
		{"ports: {dns: 53}\nupstreams: {groups: {default: ['tcp-tls:192.0.2.1#dns.example'], x: ['tcp:[::1]:5353']}}", "listen: ['0.0.0.0:5354']", "port 53 became 5354"},
		{"ports: {dns: 53}\nconditional: {mapping: {lan: 127.0.0.53:5353}}\nbootstrapDns: 127.0.0.1:5354", "listen: ['0.0.0.0:5355']", ""},
		{"ports: {dns: 53}\nupstreams: {groups: {default: [192.0.2.1:5353]}}", "listen: ['0.0.0.0:5353']", ""},
		{"ports: {dns: ['127.0.0.1:5400', '127.0.0.1:5401']}\nupstreams: {groups: {default: [127.0.0.1:5400]}}", "listen: ['127.0.0.1:5401']",
			"ports.dns.0: \"127.0.0.1:5400\": left out: it is a server that is asked"},
		{"ports: {dns: ['[fe80::1]:5400', 5401]}", "listen: ['0.0.0.0:5401']", "fe80::1 needs the name of an interface"},
		{"customDNS: {zone: \"a.lan. 60 CNAME b.lan.\\nb.lan. 60 CNAME a.lan.\\n\"}", "", "customDNS.zone: left out, and asked of upstreams: a.lan: the aliases"},
		{"conditional: {rewrite: {home: fritz.box}}\ncustomDNS: {rewrite: {home: lan, office: corp}}", "rewrite: [{from: home, to: lan}, {from: office, to: corp}]",
			"conditional.rewrite.home: left out: customDNS.rewrite has home, too"},
		{"blocking: {denylists: {ads: [\"a.example\\n/(/\\n\"]}, clientGroupsBlock: {default: [ads]}}", "deny: [", "line 2, \"/(/\": "},
		{"customDNS: {filterUnmappedTypes: false, mapping: {a.lan: 10.0.0.1}}", "other_types_upstream: true", ""},
		{"customDNS: {mapping: {a.lan: 10.0.0.1}}", "records: [{addresses: [10.0.0.1], name: '*.a.lan'}]", ""},
		{"customDNS: {mapping: {a.lan: 10.0.0.1}}\nhostsFile: {filePath: x}", "records: [{addresses: [10.0.0.1], name: '*.a.lan'}, {addresses: [10.0.0.1], name: a.lan}]", ""},
		{"customDNS: {zone: \"a.lan. 60 A 10.0.0.1\\n\"}", "zone_records:", ""},
		{"conditional: {fallbackUpstream: true}", "", "names that the servers of a zone do not know are not asked of others"},
		{"blocking: {blackLists: {ads: [x]}, clientGroupsBlock: {default: [ads]}}", "deny: [x]", ""},
		{"blocking: {denylists: {a.b: [x]}, clientGroupsBlock: {kids*: [a.b]}}", "lists: [a_b]", ""},
		{"blocking: {blockType: 10.0.0.1, blockTTL: 5}", "addresses: [10.0.0.1]", ""},
		{"blocking: {loading: {refreshPeriod: -1, strategy: failOnError, maxErrorsPerSource: -1}}", "max_errors: 0", ""},
		{"blocking: {loading: {concurrency: 4}}", "", "blocking.loading.concurrency"},
		{"caching: {maxTime: -1}", "size_mb: 0", ""},
		{"caching: {maxItemsCount: 10}", "", "caching.maxItemsCount"},
		{"disableIPv6: true", "no_types: [AAAA]", ""},
		{"fqdnOnly: {enable: true}", "fqdn_only: true", ""},
		{"rateLimit: {enable: true, rate: 20, burst: 40}", "burst_per_qube: 40", ""},
		{"rebindingProtection: {enable: true, allowedDomains: [lan]}", "allow: [lan]", ""},
		{"queryLog: {type: mysql, target: x}", "", "output.elasticsearch"},
		{"clientLookup: {clients: {laptop: [10.0.0.5]}}\nblocking: {denylists: {ads: [x]}, clientGroupsBlock: {laptop: [ads]}}", "addresses: [10.0.0.5]", ""},
		{"dnssec: {validate: true}", "", "dnssec.validate: answers are not validated"},
		{"redis: {address: x}", "", "redis: not translated"},
		{"certFile: x", "", "certFile: not translated"},
	} {
		r, err := blocky.Convert([]byte(tt.in), anyFile{})
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		var v any
		_ = yaml.Unmarshal(r.YAML, &v)
		flat, _ := yaml.Marshal(flow(v))
		if err := refused(r.YAML); err != nil {
			t.Errorf("%s: the resolver refuses %v", tt.in, err)
		}
		if w := strings.Join(r.Warnings, "\n"); !strings.Contains(string(flat), tt.want) || !strings.Contains(w, tt.warning) {
			t.Errorf("%s: want %q and the warning %q in\n%s%s", tt.in, tt.want, tt.warning, flat, w)
		}
	}
}

// flow makes a value that yaml writes in one line.
func flow(v any) *yaml.Node {
	n := new(yaml.Node)
	_ = n.Encode(v)
	var mark func(*yaml.Node)
	mark = func(n *yaml.Node) {
		n.Style |= yaml.FlowStyle
		for _, c := range n.Content {
			mark(c)
		}
	}
	mark(n)
	return n
}

// FuzzConvert holds that the resolver accepts whatever is written.
func FuzzConvert(f *testing.F) {
	f.Add("bootstrapDns: [{upstream: https://x, ips: [1.1.1.1]}]\ncaching: {minTime: 5}")
	f.Add("x: &a [1]\n<<: {upstream: {default: *a}}\nblocking: {blackLists: {\"0\": [\"${a}\\n\"]}, clientGroupsBlock: {\"default,[\": [0]}}")
	paths, _ := filepath.Glob("testdata/*.yml")
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := blocky.Convert([]byte(text), anyFile{})
		if err != nil {
			return
		}
		if err := refused(r.YAML); err != nil {
			t.Fatalf("the resolver refuses %v:\n%s", err, r.YAML)
		}
	})
}

// refused returns why the resolver would not start with a configuration.
func refused(text []byte) error {
	raw, err := conf.NewConfigWithYAML(text, "result")
	if err != nil {
		return err
	}
	all := struct {
		Own config.Config `config:"qubesbeat"`
	}{config.Default()}
	if err := raw.Unpack(&all); err != nil {
		return err
	}
	if !all.Own.Resolver.On() {
		return errors.New("it listens nowhere")
	}
	_, err = dns.Parse(&all.Own.Resolver)
	return err
}
