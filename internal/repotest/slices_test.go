package repotest_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// slicesOf returns the names of the slices, which are the folders of module.
func slicesOf(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "module"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestSlices_files holds that every slice has its service, its README and its fields, and
// that there is no folder below module which is no slice.
func TestSlices_files(t *testing.T) {
	t.Parallel()
	want := []string{"dns", "finding", "firewall", "flow", "inventory", "packets", "stats", "summary", "top", "transaction", "verify"}
	got := slicesOf(t)
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("there is no module/%s", name)
		}
	}
	for _, name := range got {
		for _, file := range []string{"service.go", "README.md", "_meta/fields.yml"} {
			if _, err := os.Stat(filepath.Join(root, "module", name, file)); err != nil {
				t.Errorf("module/%s: %v; a folder of module is a slice: see CONTRIBUTING.md", name, err)
			}
		}
	}
}

// uncounted are the slices whose services have no counters. That of stats collects those
// of all others.
var uncounted = map[string]bool{"stats": true}

// TestSlices_service holds that every slice has a service of the same shape: New, and the
// methods of a task.Task and of a metrics.Source. Ready comes with task.Started.
func TestSlices_service(t *testing.T) {
	t.Parallel()
	files := parsed(t)
	for _, name := range slicesOf(t) {
		var have []string
		for _, f := range files {
			if filepath.Dir(f.path) == filepath.Join("module", name) {
				have = append(have, serviceParts(f.file)...)
			}
		}
		for _, part := range []string{"New", "Service", "Deps", "Run", "Ready", "String", "Metrics"} {
			if !slices.Contains(have, part) && (part != "Metrics" || !uncounted[name]) {
				t.Errorf("module/%s has no %s; its service has %q", name, part, have)
			}
		}
	}
}

// serviceParts returns the parts of a service that a file declares: types, New, and methods.
func serviceParts(f *ast.File) (parts []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "New" || d.Recv != nil && receiver(d) == "Service" {
				parts = append(parts, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					parts = append(parts, s.Name.Name)
					if s.Name.Name == "Service" && embedsStarted(s) {
						parts = append(parts, "Ready")
					}
				}
			}
		}
	}
	return parts
}

// receiver returns the name of the type of a method's receiver.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	id, _ := t.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}

// embedsStarted reports whether a struct embeds task.Started.
func embedsStarted(s *ast.TypeSpec) bool {
	st, ok := s.Type.(*ast.StructType)
	return ok && slices.ContainsFunc(st.Fields.List, func(f *ast.Field) bool {
		return len(f.Names) == 0 && isNamed(f.Type, "Started")
	})
}

// The limits of package beater, which is an adapter and not the application.
const (
	maxBeaterLines = 1000
	maxFields      = 12 // of a struct
)

// TestBeater_size holds that package beater stays small, and that none of its structs
// becomes a place where everything meets.
func TestBeater_size(t *testing.T) {
	t.Parallel()
	lines := 0
	for _, f := range parsed(t) {
		if filepath.Dir(f.path) != "beater" {
			continue
		}
		lines += f.line(f.file.FileEnd) - 1
		ast.Inspect(f.file, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructType); ok && fields(s) > maxFields {
				t.Errorf("%s:%d: a struct with %d fields; want at most %d: give a part of it a type of its own", f.path, f.line(s.Pos()), fields(s), maxFields)
			}
			return true
		})
	}
	if lines == 0 || lines >= maxBeaterLines {
		t.Errorf("package beater has %d lines; want fewer than %d: move what is not about libbeat to its slice", lines, maxBeaterLines)
	}
}

// fields returns the number of fields of a struct, embedded ones included.
func fields(s *ast.StructType) (n int) {
	for _, f := range s.Fields.List {
		n += max(1, len(f.Names))
	}
	return n
}

// beaterAdapters are the packages of ring 1 that package beater may import: the life cycle
// of services, their counters, their protection from hostile input, and the queue in front
// of the sink. All others are for the slices to use.
var beaterAdapters = []string{"config", "internal/task", "internal/metrics", "internal/guard", "internal/auxqueue", "internal/eventfile", "internal/geoip", "internal/filewatch"}

// TestBeater_imports holds that package beater works with slices, and not with the adapters
// to the machine that these use.
func TestBeater_imports(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if !strings.HasPrefix(p.ImportPath+"/", module+"/beater/") {
			continue
		}
		for _, path := range p.Imports {
			level, ok := ring(path)
			if rel := strings.TrimPrefix(path, module+"/"); ok && level == 1 && !slices.Contains(beaterAdapters, rel) {
				t.Errorf("%s imports %s; only a slice may use that adapter", p.ImportPath, rel)
			}
		}
	}
}
