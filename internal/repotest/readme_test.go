package repotest_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// TestModules_readme holds that every slice has a README of the same shape, whose
// links lead somewhere and whose example is YAML.
func TestModules_readme(t *testing.T) {
	t.Parallel()
	want := []string{"Description", "Settings", "Example", "Fields", "Metrics", "Ready"}
	metas, err := filepath.Glob(filepath.Join(root, "module/*/_meta"))
	if err != nil || len(metas) < 7 {
		t.Fatalf("slices: %v, %v", metas, err)
	}
	for _, meta := range metas {
		file := filepath.Join(filepath.Dir(meta), "README.md")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(text), -1) {
			got = append(got, m[1])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: sections mismatch (-want +got):\n%s", file, diff)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)(#([^)]*))?\)`).FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(file), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			} else if m[3] != "" && !anchors(t, target)[m[3]] {
				t.Errorf("%s links to %s, which is no heading", file, m[1]+m[2])
			}
		}
		for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if err := yaml.Unmarshal([]byte(m[1]), new(any)); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, m[1])
			}
		}
	}
}

// TestModules_metrics holds that a README names the groups of counters that its service
// adds to the stats event.
func TestModules_metrics(t *testing.T) {
	t.Parallel()
	files := parsed(t)
	for _, name := range slicesOf(t) {
		text, err := os.ReadFile(filepath.Join(root, "module", name, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(text), "\n## Metrics\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var got, want []string
		for _, m := range regexp.MustCompile("`stats\\.([a-z_]+)`").FindAllStringSubmatch(section, -1) {
			got = append(got, m[1])
		}
		for _, f := range files {
			if filepath.Dir(f.path) == filepath.Join("module", name) {
				want = append(want, groups(f.file)...)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("module/%s/README.md: groups of counters mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// groups returns the groups of counters that a file opens.
func groups(f *ast.File) (names []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && isNamed(c.Fun, "Group") && len(c.Args) == 1 {
			if lit, ok := c.Args[0].(*ast.BasicLit); ok {
				names = append(names, strings.Trim(lit.Value, `"`))
			}
		}
		return true
	})
	return names
}
