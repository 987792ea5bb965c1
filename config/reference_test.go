package config_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-ucfg"
	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/config"
)

// reference returns the qubesbeat section of qubesbeat.reference.yml with what is
// commented out put in: #key is a key, "# text" a comment. The sections that
// packetbeat's own code reads are left out.
func reference(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../qubesbeat.reference.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\nqubesbeat:\n")
	section, _, found := strings.Cut(section, "\n# ====")
	if !found {
		t.Fatal("qubesbeat.reference.yml has no qubesbeat section")
	}
	var out strings.Builder
	theirs := false
	for line := range strings.Lines(section) {
		line = putIn(line)
		if key, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && strings.HasPrefix(line, "  ") && line[2] != ' ' && line[2] != '#' && line[2] != '-' {
			theirs = slices.Contains([]string{"protocols", "procs", "ignore_outgoing"}, key)
		}
		if !theirs {
			out.WriteString(line)
		}
	}
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(out.String()), &tree); err != nil {
		t.Fatalf("the reference with every key put in: %v\n%s", err, out.String())
	}
	return tree
}

// putIn takes the # of a key away and leaves comments alone.
func putIn(line string) string {
	before, after, ok := strings.Cut(line, "#")
	comment := strings.HasPrefix(after, " ") && !strings.HasPrefix(after, "  ")
	if !ok || strings.TrimSpace(before) != "" || comment {
		return line
	}
	return before + after
}

// has reports whether a tree has a key as config.Keys names it: NAME stands for
// any name, and items of lists are looked at together.
func has(v any, key string) bool {
	if key == "" {
		return true
	}
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return has(one, key) })
	}
	m, _ := v.(map[string]any)
	head, rest, _ := strings.Cut(key, ".")
	for k, inner := range m {
		if (k == head || head == "NAME") && has(inner, rest) {
			return true
		}
	}
	return false
}

// TestReference_keys holds that the reference has every key that exists, and none
// that does not.
func TestReference_keys(t *testing.T) {
	t.Parallel()
	tree := reference(t)
	if _, err := config.Check("qubesbeat", tree, nil); err != nil {
		t.Error(err)
	}
	for _, key := range config.Keys() {
		if !has(tree, key) {
			t.Errorf("qubesbeat.reference.yml has no %s; add it to module/*/_meta/config.yml", key)
		}
	}
}

// examples are the keys whose value in the reference is not the default.
var examples = []string{
	"interfaces", "flows.period", "inventory.file", "inventory.fields",
	"resolver.listen", "resolver.upstreams", "resolver.zones", "resolver.records", "resolver.rewrite", "resolver.lists",
	"resolver.schedules", "resolver.policies", "resolver.tsv.dir", "firewall.log_files",
	"packets.include", "packets.exclude", "packets.quotas", "verify.expect", "verify.isolation.allow", "detect.allow",
}

// TestReference_defaults holds that the values of the reference are the defaults,
// unless they are examples.
func TestReference_defaults(t *testing.T) {
	t.Parallel()
	raw, err := ucfg.NewFrom(reference(t))
	if err != nil {
		t.Fatal(err)
	}
	var c config.Config
	if err := raw.Unpack(&c); err != nil {
		t.Fatal(err)
	}
	sameValues(t, "", reflect.ValueOf(config.Default()), reflect.ValueOf(c))
}

// sameValues compares the fields of two structs, but for the examples.
func sameValues(t *testing.T, prefix string, want, have reflect.Value) {
	t.Helper()
	for i := range want.NumField() {
		key := strings.TrimPrefix(prefix+"."+want.Type().Field(i).Tag.Get("config"), ".")
		w, h := want.Field(i), have.Field(i)
		switch {
		case slices.Contains(examples, key):
		case w.Kind() == reflect.Struct:
			sameValues(t, key, w, h)
		case w.Kind() == reflect.Slice && w.Len()+h.Len() == 0:
		case !reflect.DeepEqual(w.Interface(), h.Interface()):
			t.Errorf("qubesbeat.reference.yml has %s: %v; the default is %v", key, h, w)
		}
	}
}

// braces finds {a,b} in a key of a table.
var braces = regexp.MustCompile(`^(.*)\{(.*)\}$`)

// documented returns the keys in the tables of docs/configuration.md.
func documented(t *testing.T) (keys []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## qubesbeat."); ok {
			section = strings.TrimSpace(name) + "."
			if section == "protocols." {
				section = ""
			}
			keys = append(keys, strings.TrimSuffix(section, "."))
		}
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(line[2:], "|")
		for i, part := range strings.Split(cell, "`") {
			if i%2 == 0 {
				continue
			}
			if m := braces.FindStringSubmatch(part); m != nil {
				for one := range strings.SplitSeq(m[2], ",") {
					keys = append(keys, section+m[1]+one)
				}
				continue
			}
			keys = append(keys, section+part)
		}
	}
	return keys
}

// TestDocs_keys holds that docs/configuration.md has every key that exists, and no
// other but those that packetbeat and libbeat read.
func TestDocs_keys(t *testing.T) {
	t.Parallel()
	others := []string{"flows.fields", "flows.fields_under_root", "flows.tags", "flows.processors", "ignore_outgoing", "procs.enabled", "procs.monitored"}
	have, want := documented(t), config.Keys()
	for _, key := range want {
		if !slices.Contains(have, key) {
			t.Errorf("docs/configuration.md has no row for %s", key)
		}
	}
	for _, key := range have {
		section := slices.ContainsFunc(want, func(k string) bool { return strings.HasPrefix(k, key+".") })
		if !section && key != "" && !slices.Contains(want, key) && !slices.Contains(others, key) {
			t.Errorf("docs/configuration.md has %s, which does not exist", key)
		}
	}
}

// TestKeys has names of maps, lists and keys below pointers.
func TestKeys(t *testing.T) {
	t.Parallel()
	keys := config.Keys()
	for _, want := range []string{"shutdown_timeout", "interfaces.device", "resolver.upstreams.NAME", "resolver.lists.NAME.deny", "resolver.policies.block.ttl"} {
		if !slices.Contains(keys, want) {
			t.Errorf("Keys has no %s:\n%s", want, fmt.Sprint(keys))
		}
	}
	for _, not := range []string{"resolver", "resolver.policies", "protocols", ""} {
		if slices.Contains(keys, not) {
			t.Errorf("Keys has %q; want keys of values only", not)
		}
	}
}
