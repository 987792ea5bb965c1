package repotest_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository as seen from this package.
const root = "../.."

// source is a parsed file.
type source struct {
	path string // from the root of the repository
	fset *token.FileSet
	file *ast.File
}

// line returns the line of a position.
func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// parsed returns the Go files that are neither tests nor generated.
func parsed(t *testing.T) (all []source) {
	t.Helper()
	walk(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || bytes.HasPrefix(text, []byte("// Code generated ")) {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{path, fset, file})
	})
	if len(all) < 100 {
		t.Fatalf("only %d Go files found", len(all))
	}
	return all
}

// walk calls use with every file that belongs to the repository, testdata and
// results of builds left out.
func walk(t *testing.T, use func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || path == filepath.Join(root, "build") || path == filepath.Join(root, "bench", "out")):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		use(filepath.ToSlash(rel), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// exportedFuncs returns the exported functions of a file that are no methods.
func exportedFuncs(s source) (names []string) {
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
			names = append(names, f.Name.Name)
		}
	}
	return names
}
