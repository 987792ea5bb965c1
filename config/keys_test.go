package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/config"
)

// check writes a file, reads its tree below the root and checks it. It returns
// the faults, one a line, with the folder of the file taken away.
func check(t *testing.T, root, text string) []string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, root+".yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	tree, _ := all[root].(map[string]any)
	_, err := config.Check(root, tree, []string{filepath.Join(dir, "absent.yml"), file})
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), dir+"/", ""), "\n")
}

// TestCheck lists every fault with its line, its key and what to do.
func TestCheck(t *testing.T) {
	t.Parallel()
	const docs = "unknown key; qubesbeat.reference.yml has every key"
	tests := []struct {
		name, in string
		want     []string
	}{
		{"nothing", "qubesbeat:\n", nil},
		{"every section", `qubesbeat:
  interfaces:
    - device: [vif*]
      buffer_size_mb: 30
  flows: {timeout: 30s, fields: {any: thing}, tags: [x], processors: [], fields_under_root: true, index: i, keep_null: true}
  inventory: {file: /x}
  stats: {period: 30s}
  shutdown_timeout: 5s
  protocols: []
  procs: {enabled: true, monitored: []}
  ignore_outgoing: true
`, nil},
		{"typing mistake", "qubesbeat:\n  flows:\n    timeuot: 1s\n",
			[]string{"qubesbeat.yml:3: qubesbeat.flows.timeuot: unknown key; did you mean flows.timeout?"}},
		{"far from everything", "qubesbeat:\n  flows:\n    wibble: 1s\n",
			[]string{"qubesbeat.yml:3: qubesbeat.flows.wibble: " + docs}},
		{"top level", "qubesbeat:\n\n  flow:\n    timeout: 1s\n",
			[]string{"qubesbeat.yml:3: qubesbeat.flow: unknown key; did you mean flows?"}},
		{"several at once", "qubesbeat:\n  stats:\n    perod: 1s\n  flows:\n    max_flow: 1\n    nonsense_key: 2\n", []string{
			"qubesbeat.yml:5: qubesbeat.flows.max_flow: unknown key; did you mean flows.max_flows?",
			"qubesbeat.yml:6: qubesbeat.flows.nonsense_key: " + docs,
			"qubesbeat.yml:3: qubesbeat.stats.perod: unknown key; did you mean stats.period?"}},
		{"one interface", "qubesbeat:\n  interfaces:\n    devise: eth0\n",
			[]string{"qubesbeat.yml:3: qubesbeat.interfaces.devise: unknown key; did you mean interfaces.device?"}},
		{"second of two interfaces", "qubesbeat:\n  interfaces:\n    - device: eth0\n    - device: eth1\n      snaplan: 1\n",
			[]string{"qubesbeat.yml:5: qubesbeat.interfaces.snaplan: unknown key; did you mean interfaces.snaplen?"}},
		{"both of two interfaces", "qubesbeat:\n  interfaces:\n    - snaplan: 1\n    - snaplan: 2\n", []string{
			"qubesbeat.yml:3: qubesbeat.interfaces.snaplan: unknown key; did you mean interfaces.snaplen?",
			"qubesbeat.yml:4: qubesbeat.interfaces.snaplan: unknown key; did you mean interfaces.snaplen?"}},
		{"client keys elsewhere", "qubesbeat:\n  stats: {tags: [x]}\n",
			[]string{"qubesbeat.yml:2: qubesbeat.stats.tags: " + docs}},
		{"inner sections", "qubesbeat:\n  resolver: {listen: [], lists: {ads: {dney: x}}, upstreams: {any: [y]}}\n  firewall: {nflog_grup: 53}\n  interfaces: {bpf_filter: tcp, fanout_group: 1}\n", []string{
			"qubesbeat.yml:3: qubesbeat.firewall.nflog_grup: unknown key; did you mean firewall.nflog_group?",
			"qubesbeat.yml:2: qubesbeat.resolver.lists.ads.dney: unknown key; did you mean resolver.lists.ads.deny?"}},
		{"numbers out of range", "qubesbeat:\n  interfaces: {device: lo, fanout_group: 70000}\n  firewall: {nflog_group: -1}\n  detect: {allow: [{ports: [22, 65536]}]}\n", []string{
			"qubesbeat.yml:4: qubesbeat.detect.allow.ports: 65536 is not within 0 and 65535",
			"qubesbeat.yml:3: qubesbeat.firewall.nflog_group: -1 is not within 0 and 65535",
			"qubesbeat.yml:2: qubesbeat.interfaces.fanout_group: 70000 is not within 0 and 65535"}},
		{"numbers of two interfaces", "qubesbeat:\n  interfaces:\n    - fanout_group: 65535\n    - fanout_group: 65536\n", []string{
			"qubesbeat.yml:3: qubesbeat.interfaces.fanout_group: 65536 is not within 0 and 65535"}},
		{"keys that were removed", "qubesbeat:\n  resolver: {log: {index: x}}\n",
			[]string{"qubesbeat.yml:2: qubesbeat.resolver.log.index: " + docs}},
		{"protocols", "qubesbeat:\n  protocols:\n    - type: dns\n", nil},
		{"protocols, old form", "qubesbeat:\n  protocols: {dns: {ports: [53]}}\n", nil},
		{"protocols without a value", "qubesbeat:\n  protocols:\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, check(t, "qubesbeat", tt.in)); diff != "" {
				t.Errorf("Check mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCheck_packetbeat only warns of a key that packetbeat would ignore, and
// names it as the file does. Our own sections are as strict as ever.
func TestCheck_packetbeat(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "packetbeat.yml")
	if err := os.WriteFile(file, []byte("packetbeat:\n  flws: {}\n  flows: {timout: 1s}\n  inventory: {fil: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := map[string]any{"flws": map[string]any{}, "flows": map[string]any{"timout": "1s"}, "inventory": map[string]any{"fil": "x"}}
	warnings, err := config.Check("packetbeat", tree, []string{file})
	var got []string
	for _, w := range append(warnings, err) {
		got = append(got, strings.TrimPrefix(w.Error(), file+":"))
	}
	want := []string{
		"3: packetbeat.flows.timout: unknown key; did you mean flows.timeout?; it is ignored, as packetbeat does",
		"2: packetbeat.flws: unknown key; did you mean flows?; it is ignored, as packetbeat does",
		"4: packetbeat.inventory.fil: unknown key; did you mean inventory.file?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Check mismatch (-want +got):\n%s", diff)
	}
}

// TestCheck_dotted finds the lines of keys that are written with dots.
func TestCheck_dotted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "q.yml")
	if err := os.WriteFile(file, []byte("name: x\nqubesbeat.flows:\n  timeuot: 1s\nqubesbeat.stats.perod: 1s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := map[string]any{"flows": map[string]any{"timeuot": "1s"}, "stats": map[string]any{"perod": "1s"}}
	_, err := config.Check("qubesbeat", tree, []string{file})
	want := file + ":3: qubesbeat.flows.timeuot: unknown key; did you mean flows.timeout?\n" +
		file + ":4: qubesbeat.stats.perod: unknown key; did you mean stats.period?"
	if err == nil || err.Error() != want {
		t.Errorf("Check = %v; want %s", err, want)
	}
}

// TestCheck_noFile leaves the place out where the key was set elsewhere.
func TestCheck_noFile(t *testing.T) {
	t.Parallel()
	_, err := config.Check("qubesbeat", map[string]any{"flws": nil}, nil)
	if want := "qubesbeat.flws: unknown key; did you mean flows?"; err == nil || err.Error() != want {
		t.Errorf("Check = %v; want %s", err, want)
	}
}
