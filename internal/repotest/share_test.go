package repotest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestShare_table holds that docs/share.md lists every package that shares something
// among clients, that what it links to is there, and that its counters are fields.
func TestShare_table(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/share.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	fields, err := os.ReadFile("../../docs/fields.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`stats\\.[a-z_.]+`").FindAllString(text, -1) {
		if !strings.Contains(string(fields), "| "+name+" |") {
			t.Errorf("docs/share.md names the counter %s, which no event has", name)
		}
	}
	for _, p := range list(t) {
		uses := slices.Contains(p.Imports, module+"/internal/share")
		rel := strings.TrimPrefix(p.ImportPath, module+"/")
		if !uses || rel == "internal/ring" || rel == "internal/hold" || isOutside(p.ImportPath) { // their users are listed
			continue
		}
		if !strings.Contains(text, "]("+filepath.ToSlash(filepath.Join("..", rel))+")") {
			t.Errorf("%s shares something among clients and is not in the table of docs/share.md", rel)
		}
	}
}
