package repotest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestLifeOfAPacket holds what docs/life-of-a-packet.md promises: at most four files,
// each of which is there and, but for the first, declares something that an earlier
// one uses.
func TestLifeOfAPacket(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/life-of-a-packet.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```calls\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/life-of-a-packet.md has no list of calls")
	}
	calls := regexp.MustCompile(`(?m)^(\S+) -> (\S+): (\w+)$`).FindAllStringSubmatch(string(block[1]), -1)
	reached := map[string]bool{}
	for i, c := range calls {
		from, to, name := c[1], c[2], c[3]
		if i > 0 && !reached[from] {
			t.Errorf("%s is in no line before the one that begins with it", from)
		}
		reached[from], reached[to] = true, true
		if !declares(parseOne(t, to), name) {
			t.Errorf("%s does not declare %s", to, name)
		}
		if !uses(parseOne(t, from), name) {
			t.Errorf("%s does not use %s", from, name)
		}
	}
	if len(reached) < 3 || len(reached) > 4 {
		t.Errorf("the list has %d files; want 3 or 4", len(reached))
	}
}

// parseOne parses a file of the repository. A file that is not there yet skips the
// test.
func parseOne(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
	if os.IsNotExist(err) {
		t.Skipf("%s is not there yet", path) // TODO: fail, when the services have moved
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// declares reports whether a file declares a function, method or type.
func declares(f *ast.File, name string) bool {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == name {
				return true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok && s.Name.Name == name {
					return true
				}
			}
		}
	}
	return false
}

// uses reports whether a file calls something by name, or hands it on, within a
// function.
func uses(f *ast.File, name string) (found bool) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			found = found || ok && id.Name == name
			return !found
		})
	}
	return found
}
