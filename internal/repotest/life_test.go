package repotest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLifeOfAPacket holds what docs/life-of-a-packet.md promises: four files, each of
// which is there, has a link and, but for the first, declares something that an earlier
// one calls.
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
	lines := regexp.MustCompile(`(?m)^(\S+) -> (\S+): (\w+)$`).FindAllStringSubmatch(string(block[1]), -1)
	reached := map[string]bool{}
	for i, c := range lines {
		from, to, name := c[1], c[2], c[3]
		if i > 0 && !reached[from] {
			t.Errorf("%s is in no line before the one that begins with it", from)
		}
		reached[from], reached[to] = true, true
		if !declares(parseOne(t, to), name) {
			t.Errorf("%s does not declare %s", to, name)
		}
		if !calls(parseOne(t, from), name) {
			t.Errorf("%s does not call %s", from, name)
		}
	}
	for path := range reached {
		if !strings.Contains(string(text), "]("+"../"+path+")") {
			t.Errorf("docs/life-of-a-packet.md has no link to %s", path)
		}
	}
	if len(reached) != 4 {
		t.Errorf("the list has %d files; want 4", len(reached))
	}
}

// parseOne parses a file of the repository.
func parseOne(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
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

// calls reports whether a function of a file calls something by name.
func calls(f *ast.File, name string) (found bool) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				found = found || isNamed(call.Fun, name)
			}
			return !found
		})
	}
	return found
}

// isNamed reports whether an expression is a name, or ends with it after a dot.
func isNamed(e ast.Expr, name string) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
