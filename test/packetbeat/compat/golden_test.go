package compat_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// goldenCase is a case of packetbeat's golden-tests.yml.
type goldenCase struct {
	Name   string         `yaml:"name"`
	Pcap   string         `yaml:"pcap"`
	Config map[string]any `yaml:"config"`
}

// config renders the case as packetbeat's own test does: the ports are those of
// its template, and the options are prefixed with their protocol.
func (c *goldenCase) config(t *testing.T) string {
	t.Helper()
	sections := []map[string]any{{"type": "icmp"}, {"type": "dns", "ports": []int{53}}, {"type": "http", "ports": []int{80}},
		{"type": "tls", "ports": []int{443}}, {"type": "sip", "ports": []int{5060}}}
	for key, value := range c.Config {
		for _, s := range sections {
			if option, ok := strings.CutPrefix(key, s["type"].(string)+"_"); ok {
				s[option] = value
			} else if key == "transport_protocol" && s["type"] == "sip" {
				s[key] = value
			}
		}
	}
	text, err := yaml.Marshal(map[string]any{"packetbeat.protocols": sections})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGolden runs packetbeat's own golden tests.
func TestGolden(t *testing.T) {
	t.Parallel()
	system := fixture.Beats(t, "packetbeat", "tests", "system")
	data, err := os.ReadFile(filepath.Join(system, "config", "golden-tests.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Cases []goldenCase `yaml:"test_cases"`
	}
	if err := yaml.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Cases) != 10 {
		t.Errorf("packetbeat has %d golden tests; want 10", len(list.Cases))
	}
	for _, c := range list.Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			name := strings.ToLower(strings.NewReplacer(" ", "_", "-", "_", ".", "_").Replace(c.Name))
			want := golden(t, filepath.Join(system, "golden", name+"-expected.json"))
			got := replay(t, c.config(t), filepath.Join(system, c.Pcap))
			if theirs, ours := without(want, got), without(got, want); len(theirs)+len(ours) > 0 {
				t.Error(differences(theirs, ours))
			}
		})
	}
}

// golden reads the expected events, whose names are flat already.
func golden(t *testing.T, file string) (docs []document) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var events []map[string]any
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		docs = append(docs, newDocument(beat.Flatten(e)))
	}
	return docs
}
