package config_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestFields_documented holds that the comment of every field of the settings
// begins with the field's name.
func TestFields_documented(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			f, ok := n.(*ast.Field)
			if !ok || f.Tag == nil || !strings.Contains(f.Tag.Value, "config:") {
				return true
			}
			fields++
			if name := f.Names[0].Name; !strings.HasPrefix(f.Doc.Text(), name+" ") {
				t.Errorf("%s: field %s has no comment that begins with its name", file, name)
			}
			return true
		})
	}
	if fields < 100 {
		t.Errorf("found %d fields; want all", fields)
	}
}
