package flow_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// field is an entry of a fields.yml.
type field struct {
	Name   string
	Type   string
	Fields []field
}

// TestDocument_fields holds that every field of every document is defined: in
// the _meta of a module or of all, or, where the name is an ECS field, by
// libbeat.
func TestDocument_fields(t *testing.T) {
	t.Parallel()
	own, err := filepath.Glob("../*/_meta/fields.yml")
	if err != nil || len(own) == 0 {
		t.Skip("no module/*/_meta/fields.yml yet: write the field definitions, then this test checks them")
	}
	defined := map[string]bool{}
	for _, file := range own {
		readFields(t, file, defined)
	}
	common, _ := filepath.Glob("../../_meta/fields*.yml")
	for _, file := range common {
		readFields(t, file, defined)
	}
	readFields(t, filepath.Join(beats(t), "libbeat", "_meta", "fields.ecs.yml"), defined)
	for _, more := range []string{"packetbeat", "libbeat"} {
		readFields(t, filepath.Join(beats(t), more, "_meta", "fields.common.yml"), defined)
	}
	for name, doc := range documents() {
		for _, path := range paths("", event.ToMap(doc)) {
			if !defined[path] {
				t.Errorf("%s: field %s is defined in no fields.yml", name, path)
			}
		}
	}
}

// beats returns the folder of the module that libbeat comes from.
func beats(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" {
		return dir
	}
	t.Skipf("the module of libbeat is not there (%v): run go mod download", err)
	return ""
}

// readFields adds the dotted names of a fields.yml.
func readFields(t *testing.T, file string, defined map[string]bool) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []field
	if err := yaml.Unmarshal(data, &groups); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, g := range groups {
		collect("", g.Fields, defined)
	}
}

func collect(prefix string, fields []field, defined map[string]bool) {
	for _, f := range fields {
		name := prefix + f.Name
		if len(f.Fields) > 0 {
			collect(name+".", f.Fields, defined)
			continue
		}
		defined[name] = true
	}
}

// paths returns the dotted names of the leaves.
func paths(prefix string, fields map[string]any) (names []string) {
	for name, v := range fields {
		if inner, ok := v.(map[string]any); ok {
			names = append(names, paths(prefix+name+".", inner)...)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}
