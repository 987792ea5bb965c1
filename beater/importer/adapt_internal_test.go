package importer

import (
	"testing"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/eventimport"
)

// configuration is that of a beat which runs.
const configuration = `
path.data: /var/lib/qubesbeat
processors: [{add_tags: {tags: [x]}}]
tags: [x]
http: {enabled: true}
queue.disk.max_size: 1GB
setup: {ilm.enabled: true, dashboards.enabled: true, template: {name: mine, pattern: mine-*, settings.index.number_of_shards: 2}}
output.elasticsearch: {hosts: [es.example.org], index: mine, indices: [{index: other}], pipeline: geo, queue.mem.events: 1}
`

// adapt returns a configuration as libbeat gets it for an import.
func adapt(t *testing.T, file, line string, reprocess bool) map[string]any {
	t.Helper()
	parse := func(text string) *conf.C {
		c, err := conf.NewConfigWithYAML([]byte(text), "test")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, over := parse(file), parse(line)
	if Adapt("qubesbeat", over, reprocess).Check(c) {
		t.Error("the override applies")
	}
	merged, err := conf.MergeConfigs(c, over)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := merged.Unpack(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAdapt keeps the output, and takes from the configuration what would reach the
// running beat, its index or the events.
func TestAdapt(t *testing.T) {
	t.Parallel()
	logging := map[string]any{"to_stderr": true, "to_files": false, "level": "error", "metrics": map[string]any{"enabled": false}}
	want := map[string]any{
		"path":     map[string]any{"data": "/var/lib/qubesbeat/import"},
		"keystore": map[string]any{"path": "/var/lib/qubesbeat/qubesbeat.keystore"},
		"logging":  logging,
		"setup": map[string]any{"ilm": map[string]any{"enabled": false}, "template": map[string]any{"name": "qubesbeat-import", "pattern": "qubesbeat-import*",
			"priority": uint64(200), "settings": map[string]any{"index": map[string]any{"number_of_shards": uint64(2)}}}},
		"output": map[string]any{"elasticsearch": map[string]any{"hosts": []any{"es.example.org"}, "pipeline": "geo", "index": "qubesbeat-import-%{+yyyy.MM.dd}"}},
	}
	if diff := cmp.Diff(want, adapt(t, configuration, "{}", false)); diff != "" {
		t.Errorf("settings mismatch (-want +got):\n%s", diff)
	}
	got := adapt(t, "output.kafka.hosts: [k]", "{path.data: /d, keystore.path: /k, logging.level: debug, processors: [{drop_event: {}}], output.kafka.topic: t}", false)
	logging["level"] = "debug"
	want = map[string]any{"path": map[string]any{"data": "/d/import"}, "keystore": map[string]any{"path": "/k"}, "logging": logging,
		"setup": map[string]any{"ilm": map[string]any{"enabled": false}}, "output": map[string]any{"kafka": map[string]any{"hosts": []any{"k"}, "topic": "t"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings of the command line mismatch (-want +got):\n%s", diff)
	}
	if got := adapt(t, configuration, "{}", true); got["processors"] == nil || got["tags"] == nil {
		t.Error("new events are not processed")
	}
}

// TestStatePath has a state for each destination and selection, which secrets are no part
// of.
func TestStatePath(t *testing.T) {
	t.Parallel()
	path := func(output string, qubes ...string) string {
		c, err := conf.NewConfigWithYAML([]byte(output), "test")
		if err != nil {
			t.Fatal(err)
		}
		var ns struct {
			Output conf.Namespace `config:"output"`
		}
		if err := c.Unpack(&ns); err != nil {
			t.Fatal(err)
		}
		return statePath(ns.Output, &eventimport.Filter{Qubes: qubes})
	}
	same := path("output.redis: {hosts: [a], key: k, password: x}")
	if got := path("output.redis: {hosts: [a], key: k, password: y}"); got != same {
		t.Error("another password is another destination")
	}
	for name, got := range map[string]string{
		"host":      path("output.redis: {hosts: [b], key: k}"),
		"key":       path("output.redis: {hosts: [a], key: l}"),
		"output":    path("output.kafka: {hosts: [a], key: k}"),
		"selection": path("output.redis: {hosts: [a], key: k}", "work"),
	} {
		if got == same {
			t.Errorf("another %s is the same destination", name)
		}
	}
}
