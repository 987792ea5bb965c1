package cmd

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	conf "github.com/elastic/elastic-agent-libs/config"
	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/blocky"
)

// imported is an imported file as the beat reads it.
type imported struct {
	config.Resolver
	warnings string
	err      error
}

// importText imports a configuration of blocky. It fails the test if the beat would
// refuse the result.
func importText(t testing.TB, text string) imported {
	t.Helper()
	r, err := blocky.Convert([]byte(text), files{})
	if err != nil {
		out := imported{err: err}
		if r != nil {
			out.warnings = strings.Join(r.Warnings, "\n")
		}
		return out
	}
	if err := checkImported(r.YAML); err != nil {
		t.Fatalf("the beat refuses what was made of\n%s\n%v\n%s", text, err, r.YAML)
	}
	raw, err := conf.NewConfigWithYAML(r.YAML, "import")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Own config.Config `config:"qubesbeat"`
	}
	all.Own = config.Default()
	if err := raw.Unpack(&all); err != nil {
		t.Fatal(err)
	}
	return imported{all.Own.Resolver, strings.Join(r.Warnings, "\n"), nil}
}

// wants compares lists.
func wants[T comparable](t testing.TB, what string, have []T, want ...T) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Errorf("%s = %v; want %v", what, have, want)
	}
}

// warns holds that there is a warning of a key with a word.
func (i *imported) warns(t testing.TB, key, word string) {
	t.Helper()
	for line := range strings.Lines(i.warnings) {
		if strings.HasPrefix(line, key+":") && strings.Contains(line, word) {
			return
		}
	}
	t.Errorf("no warning of %s says %q:\n%s", key, word, i.warnings)
}

// A source that a start would not use is left out, and one that it would use stays.
func TestImport_sources_that_are_no_lists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	page, short := filepath.Join(dir, "page"), filepath.Join(dir, "short")
	for path, text := range map[string]string{page: "<!DOCTYPE html>\n<html><body>moved</body></html>\n",
		short: "a.test\nb.test\nc.test\n" + strings.Repeat("no rule at all\n", 10)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inline := "d.test\nno rule at all\nno rule at all\n"
	list := func(source string) string {
		data, err := yaml.Marshal(map[string]any{"ads": []string{source, "https://lists.test/x"}})
		if err != nil {
			t.Fatal(err)
		}
		return "upstreams: {groups: {default: [192.0.2.53]}}\nblocking:\n  denylists:\n    " +
			strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "\n    ") + "\n"
	}
	r := importText(t, list(page))
	wants(t, "deny", r.Lists["ads"].Deny, "https://lists.test/x")
	r.warns(t, "blocking.denylists.ads.0", "HTML")
	r = importText(t, list("<!DOCTYPE html>\n<html></html>\n"))
	wants(t, "deny", r.Lists["ads"].Deny, "https://lists.test/x")
	r.warns(t, "blocking.denylists.ads.0", "HTML")
	for _, source := range []string{short, inline} {
		r = importText(t, list(source))
		wants(t, "deny", r.Lists["ads"].Deny, source, "https://lists.test/x")
	}
}

func TestCase07_import_upstream_by_name_udp(t *testing.T) {
	t.Parallel()
	r := importText(t, "upstreams: {groups: {default: ['a.test:853', b.test, 'tcp+udp:c.test']}}\nbootstrapDns: [192.0.2.53]")
	wants(t, "default", r.Upstreams["default"], "udp://a.test:853", "udp://b.test", "udp://c.test")
	wants(t, "bootstrap", r.Bootstrap, "udp://192.0.2.53")
}

func TestCase08_import_encrypted_without_bootstrap(t *testing.T) {
	t.Parallel()
	r := importText(t, "upstreams: {groups: {default: ['https://dns.test/q', 'tcp-tls:dot.test:853']}}")
	wants(t, "default", r.Upstreams["default"], "https://dns.test/q", "tls://dot.test:853")
	wants(t, "bootstrap", r.Bootstrap, "system")
	r.warns(t, "bootstrapDns", "clear text, for the addresses of dns.test, dot.test")
}

func TestCase09_import_timeout_above_budget(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[string][2]string{
		"10s": {"10s", "20s"}, "4s": {"4s", "8s"}, "500ms": {"500ms", "4s"}, "3": {"1m0s", "1m0s"}, "1ms": {"50ms", "4s"}, "-1s": {"2s", "4s"}, "soon": {"2s", "4s"},
	} {
		for _, key := range []string{"upstreams: {groups: {default: [192.0.2.1]}, timeout: %}", "upstream: {default: [192.0.2.1]}\nupstreamTimeout: %"} {
			r := importText(t, strings.ReplaceAll(key, "%", timeout))
			if have := [2]string{r.Timeout.D().String(), r.Budget.D().String()}; have != want {
				t.Errorf("timeout %s: %v; want %v", timeout, have, want)
			}
		}
	}
}

func TestCase11_import_hosts_url_and_inline(t *testing.T) {
	t.Parallel()
	r := importText(t, "upstreams: {groups: {default: [192.0.2.1]}}\nhostsFile:\n  hostsTTL: 5m\n  sources:\n    - http://192.0.2.9/hosts\n"+
		"    - \"192.0.2.5 nas.test n\\n2001:db8::5 nas.test # x\\n\"\n    - /nowhere/hosts\n  filePath: file:///nowhere/else\n")
	r.warns(t, "hostsFile.sources.0", "not fetched")
	r.warns(t, "hostsFile.sources.2", "no such file")
	r.warns(t, "hostsFile.filePath", "no such file")
	var names []string
	for _, one := range r.Records {
		names = append(names, one.Name+" "+one.Addresses[0]+" "+one.TTL.D().String())
	}
	wants(t, "records", names, "nas.test 192.0.2.5 5m0s", "n 192.0.2.5 5m0s", "nas.test 2001:db8::5 5m0s")
	wants(t, "hosts_files", r.HostsFiles)
}

func TestCase12_import_schedules(t *testing.T) {
	t.Parallel()
	r := importText(t, `
upstreams: {groups: {default: [192.0.2.1]}}
blocking:
  denylists: {games: ["a.test\n"], "1": ["b.test\n"], 1.5: ["c.test\n"], "1_5": ["d.test\n"]}
  clientGroupsBlock: {default: [games], kid: ["1", 1.5, "1_5", absent]}
  schedules: {late: {weekdays: [sun], start: 22:00, end: 6:00}, free: {weekdays: [sat, xyz]}, zero: {weekdays: [mon], start: 01:00, end: 01:00}}
  listSchedules: {games: [free, late], "1": zero}
`)
	wants(t, "default's lists", r.Policies[1].Lists, "games", "games_late")
	wants(t, "kid's lists", r.Policies[0].Lists, "list_1", "list_1_5", "list_1_5_2")
	for list, schedule := range map[string]string{"games": "free", "games_late": "late", "list_1": ""} {
		if have := r.Lists[list].Schedule; have != schedule {
			t.Errorf("the schedule of %s is %q; want %q", list, have, schedule)
		}
	}
	if late, free := r.Schedules["late"], r.Schedules["free"]; late.Start != "22:00" || late.End != "6:00" || free.Start != "00:00" || free.End != "24:00" {
		t.Errorf("schedules = %+v", r.Schedules)
	}
	r.warns(t, "blocking.schedules.zero", "never applies")
	r.warns(t, "blocking.listSchedules.1", "at all times")
	r.warns(t, "blocking.schedules.free.weekdays.1", "xyz")
	r.warns(t, "blocking.clientGroupsBlock.kid.3", "absent")
}

func TestCase13_import_external_resolvers(t *testing.T) {
	t.Parallel()
	r := importText(t, "upstream: {externalResolvers: ['tcp-tls:192.0.2.53']}\nconditional: {mapping: {corp.test: 'udp:192.0.2.10'}}")
	wants(t, "default", r.Upstreams["default"], "tls://192.0.2.53")
	wants(t, "zone", r.Zones[0].Servers, "udp://192.0.2.10")
	for _, text := range []string{
		"upstreams: {groups: {default: ['quic:192.0.2.1']}}", "upstreams: {groups: {default: []}}", "upstreams: {groups: {}}", "upstreams: {groups: }",
		"upstreams: {groups: {laptop: [192.0.2.1]}}", "upstream: {laptop: [192.0.2.1]}", "upstream:", "upstreams: {group: {default: [192.0.2.1]}}",
		"upstreams: {groups: {default: ['sdns://AgcAAAA', 'tls://192.0.2.1', 'foo:bar']}}", "upstreams: {groups: {default: {a: b}}}", "upstreams: [192.0.2.1]",
	} {
		if r := importText(t, text); !errors.Is(r.err, blocky.ErrNoUpstream) {
			t.Errorf("%s: %v; want ErrNoUpstream, and no file", text, r.err)
		}
	}
}

func TestCase16_import_nothing_without_a_word(t *testing.T) {
	t.Parallel()
	r := importText(t, "upstreams: {groups: {default: [192.0.2.1]}}\nports: {dns: [53, 'localhost:5353']}\nbootstrapDns: [{resolvFile: /tmp/resolv.conf}]")
	wants(t, "listen", r.Listen, "0.0.0.0:5354", "127.0.0.1:5353")
	wants(t, "bootstrap", r.Bootstrap)
	r.warns(t, "bootstrapDns.0.resolvFile", "not read")
	for text, want := range map[string]string{
		"ports: {dns: '127.0.0.1:5300,[::1]:5300'}": "127.0.0.1:5300 [::1]:5300", "ports: {dns: '[::]:53'}": "[::]:5353", "port: 5400": "0.0.0.0:5400",
		"ports: {dns: host.test:53}": "127.0.0.1:5353", "ports: {dns: 0}": "127.0.0.1:5353", "ports: {dns: [], tls: 853}": "127.0.0.1:5353", "port: ':53'": "0.0.0.0:5353",
	} {
		r := importText(t, text)
		wants(t, text, r.Listen, strings.Fields(want)...)
	}
}

// corpus returns configurations of blocky, of several versions.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../internal/blocky/testdata/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no configurations: %v", err)
	}
	all := map[string]string{}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = string(text)
	}
	return all
}

// TestImport_nothingLost changes each value of each configuration: the result must
// change with it, unless a warning names the key.
func TestImport_nothingLost(t *testing.T) {
	t.Parallel()
	for name, text := range corpus(t) {
		before := importText(t, text)
		if before.err != nil {
			t.Errorf("%s: %v", name, before.err)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		leaves(doc.Content[0], "", func(path string, n *yaml.Node) {
			was := *n
			defer func() { *n = was }()
			for _, value := range []string{"changed.test", "17", "true", "false", "192.0.2.77"} {
				n.Value, n.Tag, n.Style = value, "", 0
				changed, err := yaml.Marshal(&doc)
				if err != nil {
					t.Fatal(err)
				}
				r, old := convert(t, string(changed)), convert(t, text)
				if value != was.Value && r == old && !strings.Contains("\n"+r, "\n"+path+":") && !named(r, path) {
					t.Errorf("%s: %s: %q became %q, and nothing in the result says so", name, path, was.Value, value)
				}
			}
		})
	}
}

// convert returns the result of an import with its warnings.
func convert(t testing.TB, text string) string {
	t.Helper()
	r, err := blocky.Convert([]byte(text), files{})
	if r == nil {
		return err.Error()
	}
	if err == nil {
		err = checkImported(r.YAML)
		if err != nil {
			t.Fatalf("the beat refuses what was made of\n%s\n%v\n%s", text, err, r.YAML)
		}
	}
	return string(r.YAML) + "\n" + strings.Join(r.Warnings, "\n")
}

// named reports whether a warning names a key or a section that it stands in.
func named(result, path string) bool {
	for {
		if strings.Contains(result, "\n"+path+": ") {
			return true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
}

// leaves calls do with every scalar below n that is not a key.
func leaves(n *yaml.Node, path string, do func(path string, n *yaml.Node)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			leaves(n.Content[i+1], strings.TrimPrefix(path+"."+n.Content[i].Value, "."), do)
		}
	case yaml.SequenceNode:
		for i, one := range n.Content {
			leaves(one, path+"."+string(rune('0'+i)), do)
		}
	case yaml.ScalarNode:
		do(path, n)
	}
}

// TestImport_mutated holds that no import is refused, whatever the file has: lines of
// one configuration in the place of those of another, repeated, cut off or left out.
func TestImport_mutated(t *testing.T) {
	t.Parallel()
	var lines []string
	all := corpus(t)
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		lines = append(lines, strings.SplitAfter(all[name], "\n")...)
	}
	r := rand.New(rand.NewPCG(11, 5)) //nolint:gosec // the same changes each time
	read := 0
	for range 600 {
		text := strings.SplitAfter(all[names[r.IntN(len(names))]], "\n")
		for range 1 + r.IntN(4) {
			i := r.IntN(len(text))
			switch r.IntN(5) {
			case 0:
				text[i] = lines[r.IntN(len(lines))]
			case 1:
				text = slices.Insert(text, i, lines[r.IntN(len(lines))])
			case 2:
				text = slices.Delete(text, i, i+1)
			case 3:
				text[i] = text[i][:r.IntN(len(text[i])+1)] + "\n"
			case 4:
				head, _, _ := strings.Cut(text[i], ":")
				_, tail, _ := strings.Cut(lines[r.IntN(len(lines))], ":")
				text[i] = head + ":" + tail
			}
		}
		if importText(t, strings.Join(text, "")).err == nil {
			read++
		}
	}
	if read < 100 {
		t.Errorf("only %d of the files could be translated; the changes are too coarse", read)
	}
}
