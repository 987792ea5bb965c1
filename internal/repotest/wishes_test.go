package repotest_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestWishes_tests holds that the tests that docs/packet-store.md names are there.
func TestWishes_tests(t *testing.T) {
	t.Parallel()
	doc, have := "", map[string]bool{}
	define := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	walk(t, func(path string, text []byte) {
		switch {
		case path == "docs/packet-store.md":
			doc = string(text)
		case strings.HasSuffix(path, "_test.go"):
			for _, m := range define.FindAllStringSubmatch(string(text), -1) {
				have[m[1]] = true
			}
		}
	})
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(doc, -1)
	if len(named) < 27 {
		t.Errorf("docs/packet-store.md names %d tests; want one of each wish", len(named))
	}
	for _, m := range named {
		if !have[m[1]] {
			t.Errorf("docs/packet-store.md names %s, which is not there", m[1])
		}
	}
}
