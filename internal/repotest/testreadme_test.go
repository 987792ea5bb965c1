package repotest_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// variable matches the variables of tests, but for those that tests set for their own
// processes.
var variable = regexp.MustCompile(`"(QUBESBEAT_[A-Z0-9_]+)"`)

// TestReadme_test holds that test/README.md names every folder of tests below test/ and
// every variable that tests read, and no other.
func TestReadme_test(t *testing.T) {
	t.Parallel()
	readme, folders, variables := "", map[string]bool{}, map[string]bool{}
	walk(t, func(path string, text []byte) {
		switch {
		case path == "test/README.md":
			readme = string(text)
		case strings.HasPrefix(path, "internal/repotest/") || !strings.HasSuffix(path, ".go"):
		case strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "internal/testbed/") || strings.HasPrefix(path, "test/"):
			if rel, ok := strings.CutPrefix(path, "test/"); ok && strings.HasSuffix(path, "_test.go") {
				folders[filepath.Dir(rel)] = true
			}
			for _, m := range variable.FindAllStringSubmatch(string(text), -1) {
				variables[m[1]] = true
			}
		}
	})
	for folder := range folders {
		if !strings.Contains(readme, "\n| ["+folder+"]("+folder+") |") {
			t.Errorf("test/README.md has no row for %s", folder)
		}
	}
	for name := range variables {
		if !strings.HasPrefix(name, "QUBESBEAT_TEST_") && !strings.Contains(readme, "\n| `"+name+"=") {
			t.Errorf("test/README.md has no row for %s", name)
		}
	}
	for _, m := range regexp.MustCompile("\n\\| `(QUBESBEAT_[A-Z]+)=").FindAllStringSubmatch(readme, -1) {
		if !variables[m[1]] {
			t.Errorf("test/README.md has %s, which no test reads", m[1])
		}
	}
}
