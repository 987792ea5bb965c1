package repotest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// mayWait are the folders whose tests start programs or use the kernel, for which there
// is no clock but the real one.
var mayWait = []string{"test/", "internal/testbed/"}

// sleeps are the functions outside of bubbles that wait for time to pass, with the reason.
var sleeps = map[string]string{
	"internal/capture TestRing_quiet":         "counts what the process does while nothing is captured",
	"internal/ring TestRing_Pop_wait":         "the cases of its table run in bubbles",
	"internal/task (*events).until":           "its tasks run in bubbles",
	"internal/upstream slow":                  "a server's latency, which the strategies measure; sockets are in no bubble",
	"internal/upstream TestStream_closedIdle": "a close that has arrived before the next query: nothing tells when",
}

// TestSource_sleep holds that tests do not wait for time to pass, which makes them slow
// on a quiet machine and flaky on a busy one: they call time.Sleep in bubbles of
// testing/synctest only. Waiting for time.After is no better.
func TestSource_sleep(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for path, files := range testPackages(t) {
		bubbles := map[string]bool{}
		for _, s := range files {
			addBubbles(bubbles, s.file)
		}
		for _, s := range files {
			for name, line := range sleepers(s, bubbles) {
				name = path + " " + name
				if used[name] = true; sleeps[name] == "" {
					t.Errorf("%s:%d: %s waits for time to pass, outside of a bubble of testing/synctest", s.path, line, name)
				}
			}
		}
	}
	for name := range sleeps {
		if !used[name] {
			t.Errorf("%s does not sleep any more; take it off the list", name)
		}
	}
}

// testPackages returns the test files by their folder, but for those in mayWait.
func testPackages(t *testing.T) map[string][]source {
	t.Helper()
	all := map[string][]source{}
	walk(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, "_test.go") || slices.ContainsFunc(mayWait, func(p string) bool { return strings.HasPrefix(path, p) }) {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all[dir(path)] = append(all[dir(path)], source{path, fset, file})
	})
	return all
}

// addBubbles adds the functions of a file that call their parameter in a bubble.
func addBubbles(bubbles map[string]bool, file *ast.File) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if ok && callee(call) == "synctest.Test" {
				bubbles[f.Name.Name] = true
			}
			return true
		})
	}
}

// sleepers returns the functions of a file that wait outside of a bubble, with the line.
func sleepers(s source, bubbles map[string]bool) map[string]int {
	found := map[string]int{}
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		limits := map[ast.Stmt]bool{} // cases of a select, which end another wait
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CommClause:
				limits[n.Comm] = true
			case *ast.CallExpr:
				name := callee(n)
				if name == "time.Sleep" {
					found[funcName(f)] = s.line(n.Pos())
				}
				return name != "synctest.Test" && !bubbles[name]
			case *ast.ExprStmt:
				if isWait(n.X) && !limits[n] {
					found[funcName(f)] = s.line(n.Pos())
				}
			}
			return true
		})
	}
	return found
}

// isWait reports whether an expression is <-time.After(d).
func isWait(e ast.Expr) bool {
	receive, ok := e.(*ast.UnaryExpr)
	if !ok || receive.Op != token.ARROW {
		return false
	}
	call, ok := receive.X.(*ast.CallExpr)
	return ok && callee(call) == "time.After"
}

// callee returns what is called, with its package unless that is the own one, "" if it is
// no function by name.
func callee(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if pkg, ok := fun.X.(*ast.Ident); ok {
			return pkg.Name + "." + fun.Sel.Name
		}
	}
	return ""
}
