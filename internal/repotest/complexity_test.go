package repotest_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// mostComplex is the highest cyclomatic complexity that a function may have.
const mostComplex = 15

// tolerated are functions over the limit that are about to be rewritten. An entry
// that has become needless is logged.
var tolerated = map[string]bool{
	"config (*builder).rest":          true,
	"config (*Config).Validate":       true,
	"internal/defrag (*datagram).add": true,
	"internal/upstream Parse":         true,
	"internal/dnsview Classify":       true,
	"beater (*run).newResolver":       true,
}

// TestSource_complexity holds that no function outside tests and generated code
// branches more often than a reader can keep in mind.
func TestSource_complexity(t *testing.T) {
	t.Parallel()
	needed := map[string]bool{}
	for _, s := range parsed(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n, name := complexity(f), dir(s.path)+" "+funcName(f)
			if needed[name] = n > mostComplex; needed[name] && !tolerated[name] {
				t.Errorf("%s:%d: %s has a cyclomatic complexity of %d; want at most %d", s.path, s.line(f.Pos()), funcName(f), n, mostComplex)
			}
		}
	}
	for name := range tolerated {
		if !needed[name] {
			t.Logf("%s is gone or simple enough; take it off the list", name)
		}
	}
}

// complexity counts as gocyclo does: one, and one more for each if, for, case of a
// switch or select, && and ||. Defaults do not count.
func complexity(f *ast.FuncDecl) int {
	n := 1
	ast.Inspect(f, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			n += min(len(node.List), 1)
		case *ast.CommClause:
			if node.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if node.Op == token.LAND || node.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

// funcName returns a function's name as gocyclo prints it: Parse, (*Table).Add.
func funcName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
		return fmt.Sprintf("(*%s).%s", typeName(star.X), f.Name.Name)
	}
	return fmt.Sprintf("(%s).%s", typeName(f.Recv.List[0].Type), f.Name.Name)
}

// typeName returns the name of a receiver's type, without type parameters.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	}
	return "?"
}

// dir returns the folder of a path, "." for files in the root.
func dir(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return "."
}
