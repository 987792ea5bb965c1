package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTopLevel returns the keys in their order, and the roots of a file that is
// not valid YAML.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want []config.Key
	}{
		{"", nil},
		{"- a\n", nil},
		{"b: 1\nqubesbeat.flows: {}\na: 2\n", []config.Key{{Name: "b", Line: 1}, {Name: "qubesbeat.flows", Line: 2}, {Name: "a", Line: 3}}},
		{"{{ template }}\n\"packetbeat\":\n  qubesbeat: x\nqubesbeat.flows: {}\n", []config.Key{{Name: "packetbeat", Line: 2}, {Name: "qubesbeat", Line: 4}}},
	} {
		if diff := cmp.Diff(tt.want, config.TopLevel(writeFile(t, "q.yml", tt.in))); diff != "" {
			t.Errorf("TopLevel(%q) mismatch (-want +got):\n%s", tt.in, diff)
		}
	}
	if got := config.TopLevel("/nonexistent"); got != nil {
		t.Errorf("TopLevel of an absent file = %v; want none", got)
	}
}

// TestLocate puts file and line in front of the problems that stand in a file, and
// leaves other errors alone.
func TestLocate(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "q.yml", `qubesbeat:
  interfaces:
    - device: eth0
    - device: eth1
      snaplen: -1
  flows.timeout: 1ms
  resolver:
    zones: {names: [x]}
    policies:
      - {lists: [a]}
      - lists: [b]
`)
	var p config.Problems
	for _, key := range []string{"interfaces.1.snaplen", "flows.timeout", "stats.period", "resolver.zones.0.names", "resolver.policies.1", "resolver.policies.1.lists"} {
		p.Addf(key, "wrong")
	}
	other := errors.New("other")
	err := config.Locate("qubesbeat", []string{"/nonexistent", file}, errors.Join(p.Err(), other))
	want := []string{
		"q.yml:5: qubesbeat.interfaces.1.snaplen: wrong",
		"q.yml:6: qubesbeat.flows.timeout: wrong",
		"qubesbeat.stats.period: wrong",
		"q.yml:8: qubesbeat.resolver.zones.0.names: wrong",
		"q.yml:11: qubesbeat.resolver.policies.1: wrong",
		"q.yml:11: qubesbeat.resolver.policies.1.lists: wrong",
		"other",
	}
	got := strings.Split(strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", ""), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Locate mismatch (-want +got):\n%s", diff)
	}
	if problem := new(config.Problem); !errors.As(err, &problem) || problem.Key != "interfaces.1.snaplen" {
		t.Errorf("Locate hides the problems: %v", err)
	}
	if !errors.Is(err, other) {
		t.Errorf("Locate hides other errors: %v", err)
	}
	if err := config.Locate("qubesbeat", nil, nil); err != nil {
		t.Errorf("Locate(nil) = %v; want nil", err)
	}
}
