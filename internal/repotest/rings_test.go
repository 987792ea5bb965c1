package repotest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRings_documented holds that docs/architecture.md has the same packages in the same
// rings as the check of the imports.
func TestRings_documented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| ring | packages | may use |\n")
	if !ok {
		t.Fatal("docs/architecture.md has no table of rings")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	got := make([][]string, len(rings))
	for _, row := range regexp.MustCompile(`(?m)^\| (\d) [^|]*\| ([^|]*) \|`).FindAllStringSubmatch(table, -1) {
		level, _ := strconv.Atoi(row[1])
		if level >= len(rings) {
			t.Fatalf("docs/architecture.md has a ring %d", level)
		}
		for _, m := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[2], -1) {
			got[level] = append(got[level], expand(m[1])...)
		}
	}
	for level := range rings {
		want := strings.Fields(rings[level])
		slices.Sort(want)
		slices.Sort(got[level])
		if diff := cmp.Diff(want, got[level]); diff != "" {
			t.Errorf("ring %d mismatch (-imports_test.go +docs/architecture.md):\n%s", level, diff)
		}
	}
}

// expand returns the words that a word with one list in braces stands for, as a shell does.
func expand(word string) (all []string) {
	before, rest, ok := strings.Cut(word, "{")
	if !ok {
		return []string{word}
	}
	list, after, _ := strings.Cut(rest, "}")
	for _, one := range strings.Split(list, ",") {
		all = append(all, before+one+after)
	}
	return all
}
