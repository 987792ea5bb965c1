package panel

import (
	"maps"
	"slices"
	"strings"
)

// Rename is a field of a panel that can be renamed, as if the beat called it otherwise.
type Rename struct {
	Field string
	// Do renames the field and returns what undoes that.
	Do func() (undo func())
}

// renamed is what a field is called that no event has.
func renamed(field string) string { return field + "_renamed" }

// Renames returns the fields of a panel: those of its columns and of its query. Those of
// which a bucket shows also what is missing are left out.
func (p *Panel) Renames() (all []Rename) {
	v := p.EmbeddableConfig.Attributes
	_, l := v.layer()
	for _, id := range slices.Sorted(maps.Keys(l.Columns)) {
		c := l.Columns[id]
		if c.SourceField == "" || c.OperationType == "count" || c.Params.MissingBucket {
			continue
		}
		all = append(all, renameText(c.SourceField, &c.SourceField, renamed(c.SourceField)))
		for i, field := range c.Params.SecondaryFields {
			all = append(all, renameText(field, &c.Params.SecondaryFields[i], renamed(field)))
		}
	}
	conditions, err := parseKQL(v.State.Query.Query)
	if err != nil {
		return all
	}
	for _, c := range conditions {
		query := strings.Replace(v.State.Query.Query, c.field, renamed(c.field), 1)
		all = append(all, renameText(c.field, &v.State.Query.Query, query))
	}
	return all
}

func renameText(field string, at *string, to string) Rename {
	return Rename{Field: field, Do: func() func() {
		before := *at
		*at = to
		return func() { *at = before }
	}}
}
