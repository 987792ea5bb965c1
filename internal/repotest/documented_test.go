package repotest_test

import (
	"go/ast"
	"go/token"
	"testing"
)

// TestExported_documented holds that every exported function, method, type,
// constant and variable outside tests has a doc comment. A comment on a group of
// constants or variables counts for its members.
func TestExported_documented(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		for _, d := range s.file.Decls {
			for _, id := range undocumented(d) {
				t.Errorf("%s:%d: %s has no doc comment", s.path, s.line(id.Pos()), id.Name)
			}
		}
	}
}

// undocumented returns the exported identifiers of a declaration that have no
// comment.
func undocumented(d ast.Decl) (missing []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil {
			missing = append(missing, d.Name)
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || d.Doc != nil && (d.Tok != token.TYPE || !d.Lparen.IsValid()) {
			return nil
		}
		for _, spec := range d.Specs {
			missing = append(missing, undocumentedSpec(spec)...)
		}
	}
	return missing
}

func undocumentedSpec(spec ast.Spec) (missing []*ast.Ident) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil {
			missing = append(missing, spec.Name)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && spec.Doc == nil && spec.Comment == nil {
				missing = append(missing, name)
			}
		}
	}
	return missing
}
