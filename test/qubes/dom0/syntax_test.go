package dom0_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// TestSyntax checks that the script is Python 3.8, which dom0 of Qubes OS 4.1 has.
func TestSyntax(t *testing.T) {
	t.Parallel()
	const program = "import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1], feature_version=(3, 8))"
	for _, script := range scripts() {
		if out, err := output(python(t), "-c", program, script); err != nil {
			t.Errorf("the script is not Python 3.8: %v\n%s", err, out)
		}
	}
}

// TestImports checks that the script needs nothing that dom0 does not have.
func TestImports(t *testing.T) {
	t.Parallel()
	const program = `
import ast, sys
for node in ast.walk(ast.parse(open(sys.argv[1]).read())):
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = ['.' * node.level + (node.module or '')]
    elif isinstance(node, ast.Name) and node.id in ('__import__', 'eval', 'exec'):
        names = [node.id]
    else:
        continue
    for name in names:
        if name.split('.')[0] not in sys.stdlib_module_names:
            print(name)
`
	for _, script := range scripts() {
		out, err := output(python(t), "-c", program, script)
		if strings.Contains(out, "has no attribute 'stdlib_module_names'") {
			t.Skip("this python3 is older than 3.10 and does not list its modules")
		}
		if err != nil || len(out) > 0 {
			t.Errorf("%s imports what is not in the standard library: %s (%v)", script, out, err)
		}
	}
}

// TestVersions compiles and runs the script with every Python that is on PATH.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.8", "3.9", "3.10", "3.11", "3.12", "3.13"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			name := "python" + version
			if _, err := output(name, "-c", ""); err != nil {
				t.Skipf("%s does not run: %v", name, err)
			}
			const program = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')"
			for _, script := range scripts() {
				if out, err := output(name, "-W", "error", "-c", program, script); err != nil {
					t.Errorf("compiling: %v\n%s", err, out)
				}
			}
			r := newRig(t, "r4.3", dom0.Behaviour{})
			out, err := output(name, script(), "--socket", r.qubesd.Path, "--print")
			if err != nil {
				t.Fatalf("%s --print: %v\n%s", name, err, out)
			}
			r.isTold(t, dom0.Push{Text: []byte(out)})
			if out, err = output(name, scripts()[1], "--socket", r.qubesd.Path, "work"); err != nil || !strings.Contains(out, "nothing was sent") {
				t.Errorf("%s qubesbeat-probe: %v\n%s", name, err, out)
			}
		})
	}
}
